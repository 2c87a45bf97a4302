resource "aws_cloudwatch_log_group" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  retention_in_days = {{ p.retention_days | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
