resource "aws_kms_key" "{{ name }}" {
  provider = {{ provider }}
  description = {{ p.description | hcl }}
  is_enabled = {{ p.enabled | hcl }}
  enable_key_rotation = {{ p.rotation | hcl }}
{% if p.policy %}
  policy = jsonencode({{ p.policy | hcl }})
{% endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
