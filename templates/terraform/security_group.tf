resource "aws_security_group" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  description = {{ p.description | hcl }}
  vpc_id = {{ p.vpc | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{%- if p.default_egress %}
resource "aws_vpc_security_group_egress_rule" "{{ name }}_default" {
  provider = {{ provider }}
  security_group_id = aws_security_group.{{ name }}.id
  description = "everything may leave"
  ip_protocol = "-1"
  cidr_ipv4 = "0.0.0.0/0"
}
{%- endif %}
