resource "aws_iam_role" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  description = {{ p.description | hcl }}
  permissions_boundary = {{ p.permissions_boundary | hcl }}
  assume_role_policy = jsonencode({{ p.trust | hcl }})
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{%- if p.managed_policies %}
resource "aws_iam_role_policy_attachment" "{{ name }}" {
  provider = {{ provider }}
  for_each = toset({{ p.managed_policies | hcl }})
  role = aws_iam_role.{{ name }}.name
  policy_arn = each.value
}

{%- endif %}
{%- for policy in inline_policies %}
resource "aws_iam_role_policy" "{{ policy.label }}" {
  provider = {{ provider }}
  name = {{ policy.name | hcl }}
  role = aws_iam_role.{{ name }}.name
  policy = jsonencode({{ policy.document | hcl }})
}

{%- endfor %}
