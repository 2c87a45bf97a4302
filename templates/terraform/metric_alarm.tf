resource "aws_cloudwatch_metric_alarm" "{{ name }}" {
  provider = {{ provider }}
  alarm_name = {{ p.name | hcl }}
  alarm_description = {{ p.description | hcl }}
  namespace = {{ p.namespace | hcl }}
  metric_name = {{ p.metric | hcl }}
  statistic = {{ p.statistic | hcl }}
  period = {{ p.period_seconds | hcl }}
  evaluation_periods = {{ p.periods | hcl }}
  datapoints_to_alarm = {{ p.bad_periods | hcl }}
  comparison_operator = {{ p.comparison | hcl }}
  threshold = {{ p.threshold | hcl }}
  treat_missing_data = {{ p.missing_data | hcl }}
  actions_enabled = {{ p.actions_enabled | hcl }}
{%- if p.alarm_actions %}
  alarm_actions = {{ p.alarm_actions | hcl }}
{%- endif %}
{%- if p.ok_actions %}
  ok_actions = {{ p.ok_actions | hcl }}
{%- endif %}

  dimensions = {
{%- for dimension in p.dimensions %}
    {{ dimension.name }} = {{ dimension.value | hcl }}
{%- endfor %}
  }
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
