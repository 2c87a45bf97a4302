resource "aws_elasticache_parameter_group" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  family = {{ p.family | hcl }}
  description = {{ p.description | hcl }}
{%- for parameter in parameters %}

  parameter {
    name = {{ parameter.name | hcl }}
    value = {{ parameter.value | hcl }}
  }
{%- endfor %}
  tags = {{ tags | hcl }}

  depends_on = {{ depends_on | hcl }}

  lifecycle {
    create_before_destroy = true
  }
}
