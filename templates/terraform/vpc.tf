resource "aws_vpc" "{{ name }}" {
  provider = {{ provider }}
  cidr_block = {{ p.cidr | hcl }}
  enable_dns_hostnames = {{ p.dns_hostnames | hcl }}
  enable_dns_support = {{ p.dns_support | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{%- if not imported %}

# Nothing is in it: whatever forgets to name a group can talk to nobody.
resource "aws_default_security_group" "{{ name }}" {
  provider = {{ provider }}
  vpc_id = aws_vpc.{{ name }}.id
}
{%- endif %}
