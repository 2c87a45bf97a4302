resource "aws_kms_alias" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  target_key_id = {{ p.key | hcl }}
{% include "terraform/end.tf" %}
}
