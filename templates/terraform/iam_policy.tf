resource "aws_iam_policy" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  description = {{ p.description | hcl }}
  policy = jsonencode({{ p.document | hcl }})
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
