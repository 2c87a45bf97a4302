resource "aws_db_subnet_group" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  description = {{ p.description | hcl }}
  subnet_ids = {{ p.subnets | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
