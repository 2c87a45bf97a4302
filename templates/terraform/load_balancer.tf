resource "aws_lb" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  load_balancer_type = {{ p.type | hcl }}
  internal = {{ p.internal | hcl }}
  subnets = {{ p.subnets | hcl }}
  security_groups = {{ p.security_groups | hcl }}
  enable_deletion_protection = {{ p.deletion_protection | hcl }}
  enable_http2 = {{ p.http2 | hcl }}
  enable_cross_zone_load_balancing = {{ p.cross_zone | hcl }}
  idle_timeout = {{ p.idle_timeout_seconds | hcl }}
  drop_invalid_header_fields = {{ p.drop_invalid_headers | hcl }}
{%- if p.access_logs %}

  access_logs {
    bucket = {{ p.access_logs | hcl }}
    enabled = true
  }
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
