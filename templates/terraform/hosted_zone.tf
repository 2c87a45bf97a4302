{%- if p.owned %}
resource "aws_route53_zone" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
{%- if imported %}
  comment = "made by vvbill"
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
{%- else %}
data "aws_route53_zone" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
}
{%- endif %}
