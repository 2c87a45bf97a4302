resource "aws_lb_listener" "{{ name }}" {
  provider = {{ provider }}
  load_balancer_arn = {{ p.load_balancer | hcl }}
  port = {{ p.port | hcl }}
  protocol = {{ p.protocol | hcl }}
  certificate_arn = {{ p.certificate | hcl }}
  ssl_policy = {{ p.ssl_policy | hcl }}

  default_action {
    type = {{ p.default.type | hcl }}
{%- if p.default.type == "forward" %}
    target_group_arn = {{ p.default.target_group | hcl }}
{%- elif p.default.type == "redirect" %}

    redirect {
      protocol = "HTTPS"
      port = "{{ p.default.port }}"
      status_code = "HTTP_301"
    }
{%- else %}

    fixed_response {
      content_type = "text/plain"
      status_code = "{{ p.default.status }}"
      message_body = {{ p.default.body | hcl }}
    }
{%- endif %}
  }
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
