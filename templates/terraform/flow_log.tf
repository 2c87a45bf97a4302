resource "aws_flow_log" "{{ name }}" {
  provider = {{ provider }}
  vpc_id = {{ p.vpc | hcl }}
  log_destination_type = "cloud-watch-logs"
  log_destination = {{ p.log_group | hcl }}
  iam_role_arn = {{ p.role | hcl }}
  traffic_type = {{ p.traffic | hcl }}
  max_aggregation_interval = {{ p.interval_seconds | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
{%- if imported %}

  # It was made with the name of the log group.
  lifecycle {
    ignore_changes = [log_destination]
  }
{%- endif %}
}
