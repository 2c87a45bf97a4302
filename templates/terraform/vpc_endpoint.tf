resource "aws_vpc_endpoint" "{{ name }}" {
  provider = {{ provider }}
  vpc_id = {{ p.vpc | hcl }}
  service_name = {{ p.service | hcl }}
{%- if p.kind == "gateway" %}
  vpc_endpoint_type = "Gateway"
  route_table_ids = {{ p.route_tables | hcl }}
{%- else %}
  vpc_endpoint_type = "Interface"
  subnet_ids = {{ p.subnets | hcl }}
  security_group_ids = {{ p.security_groups | hcl }}
  private_dns_enabled = {{ p.private_dns | hcl }}
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
