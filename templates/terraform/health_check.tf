resource "aws_route53_health_check" "{{ name }}" {
  provider = {{ provider }}
  type = {{ p.protocol | hcl }}
  fqdn = {{ p.host | hcl }}
  port = {{ p.port | hcl }}
  resource_path = {{ p.path | hcl }}
  request_interval = {{ p.interval_seconds | hcl }}
  failure_threshold = {{ p.failure_threshold | hcl }}
{%- if p.protocol == "HTTPS" %}
  enable_sni = true
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
