resource "aws_route53_record" "{{ name }}" {
  provider = {{ provider }}
  zone_id = {{ p.zone | hcl }}
  name = {{ p.name | hcl }}
  type = {{ p.type | hcl }}
  ttl = {{ p.ttl_seconds | hcl }}
{%- if p.values %}
  records = {{ p.values | hcl }}
{%- endif %}
  set_identifier = {{ p.set_identifier | hcl }}
  health_check_id = {{ p.health_check | hcl }}
{%- if p.alias %}

  alias {
    name = {{ p.alias.name | hcl }}
    zone_id = {{ p.alias.zone | hcl }}
    evaluate_target_health = {{ p.alias.evaluate_health | hcl }}
  }
{%- endif %}
{%- if p.failover %}

  failover_routing_policy {
    type = {{ p.failover | hcl }}
  }
{%- endif %}
{%- if p.region %}

  latency_routing_policy {
    region = {{ p.region | hcl }}
  }
{%- endif %}
{% include "terraform/end.tf" %}
}
