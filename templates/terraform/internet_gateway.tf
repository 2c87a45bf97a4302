resource "aws_internet_gateway" "{{ name }}" {
  provider = {{ provider }}
  vpc_id = {{ p.vpc | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
