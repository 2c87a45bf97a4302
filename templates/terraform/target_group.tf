resource "aws_lb_target_group" "{{ name }}" {
  provider = {{ provider }}
  name = {{ short_name | hcl }}
  port = {{ p.port | hcl }}
  protocol = {{ p.protocol | hcl }}
  target_type = {{ p.target_type | hcl }}
  vpc_id = {{ p.vpc | hcl }}
  deregistration_delay = {{ p.deregistration_delay_seconds | hcl }}

  health_check {
    enabled = true
    protocol = {{ p.health_check.protocol | hcl }}
    path = {{ p.health_check.path | hcl }}
    matcher = {{ p.health_check.matcher | hcl }}
    interval = {{ p.health_check.interval_seconds | hcl }}
    timeout = {{ p.health_check.timeout_seconds | hcl }}
    healthy_threshold = {{ p.health_check.healthy_threshold | hcl }}
    unhealthy_threshold = {{ p.health_check.unhealthy_threshold | hcl }}
  }
{%- if p.stickiness %}

  stickiness {
    enabled = true
    type = {{ p.stickiness.type | hcl }}
    cookie_duration = {{ p.stickiness.cookie_seconds | hcl }}
  }
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
{%- if imported %}

  # Its name has an ending that tells it from the one that it would replace.
  lifecycle {
    ignore_changes = [name]
  }
{%- endif %}
}
