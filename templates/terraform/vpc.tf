resource "aws_vpc" "{{ name }}" {
  provider = {{ provider }}
  cidr_block = {{ p.cidr | hcl }}
  enable_dns_hostnames = {{ p.dns_hostnames | hcl }}
  enable_dns_support = {{ p.dns_support | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
