resource "aws_route_table" "{{ name }}" {
  provider = {{ provider }}
  vpc_id = {{ p.vpc | hcl }}
{%- for route in routes %}

  route {
    cidr_block = {{ route.cidr | hcl }}
    gateway_id = {{ route.gateway | hcl }}
    nat_gateway_id = {{ route.nat_gateway | hcl }}
  }

{%- endfor %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{%- for association in associations %}
resource "aws_route_table_association" "{{ association.name }}" {
  provider = {{ provider }}
  subnet_id = {{ association.subnet | hcl }}
  route_table_id = aws_route_table.{{ name }}.id
}

{%- endfor %}
