resource "aws_nat_gateway" "{{ name }}" {
  provider = {{ provider }}
  subnet_id = {{ p.subnet | hcl }}
  allocation_id = {{ p.elastic_ip | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
