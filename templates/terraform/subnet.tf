resource "aws_subnet" "{{ name }}" {
  provider = {{ provider }}
  vpc_id = {{ p.vpc | hcl }}
  availability_zone = {{ p.zone | hcl }}
  cidr_block = {{ p.cidr | hcl }}
  map_public_ip_on_launch = {{ p.public_addresses | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
