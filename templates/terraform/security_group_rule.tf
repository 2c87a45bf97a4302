resource "aws_vpc_security_group_{{ p.direction }}_rule" "{{ name }}" {
  provider = {{ provider }}
  security_group_id = {{ p.group | hcl }}
{%- if not imported %}
  description = {{ description | hcl }}
{%- endif %}
  ip_protocol = {{ p.protocol | hcl }}
{%- if p.ports %}
  from_port = {{ p.ports.from | hcl }}
  to_port = {{ p.ports.to | hcl }}
{%- endif %}
  cidr_ipv4 = {{ p.source.cidr | hcl }}
  referenced_security_group_id = {{ p.source.group | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
