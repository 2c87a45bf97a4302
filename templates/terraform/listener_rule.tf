resource "aws_lb_listener_rule" "{{ name }}" {
  provider = {{ provider }}
  listener_arn = {{ p.listener | hcl }}
  priority = {{ p.priority | hcl }}

  condition {
    path_pattern {
      values = {{ p.paths | hcl }}
    }
  }

  action {
    type = "forward"
    target_group_arn = {{ p.target_group | hcl }}
  }
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
