resource "aws_cloudwatch_log_group" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  retention_in_days = {{ p.retention_days | hcl }}
{%- if not imported %}
  kms_key_id = {{ key | hcl }}
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
