resource "aws_eip" "{{ name }}" {
  provider = {{ provider }}
  domain = "vpc"
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
