{%- if not imported %}
data "aws_cloudfront_response_headers_policy" "{{ name }}" {
  provider = {{ provider }}
  name = "Managed-SecurityHeadersPolicy"
}
{%- endif %}

resource "aws_cloudfront_distribution" "{{ name }}" {
  provider = {{ provider }}
  comment = {{ p.comment | hcl }}
  enabled = {{ p.enabled | hcl }}
  aliases = {{ p.aliases | hcl }}
  price_class = {{ p.price_class | hcl }}
  http_version = "http2"
{%- for origin in p.origins %}

  origin {
    origin_id = {{ origin.id | hcl }}
    domain_name = {{ origin.domain | hcl }}

    custom_origin_config {
      http_port = {% if origin.protocol == "http-only" %}{{ origin.port }}{% else %}80{% endif %}
      https_port = {% if origin.protocol == "https-only" %}{{ origin.port }}{% else %}443{% endif %}
      origin_protocol_policy = {{ origin.protocol | hcl }}
      origin_ssl_protocols = ["TLSv1.2"]
    }
  }
{%- endfor %}
{%- if p.failover %}

  origin_group {
    origin_id = "failover"

    failover_criteria {
      status_codes = [500, 502, 503, 504]
    }
{%- for origin in p.failover %}

    member {
      origin_id = {{ origin | hcl }}
    }
{%- endfor %}
  }
{%- endif %}

  default_cache_behavior {
    target_origin_id = {{ p.default.target | hcl }}
    allowed_methods = {{ p.default.methods | hcl }}
    cached_methods = ["GET", "HEAD"]
    viewer_protocol_policy = {{ p.default.viewer_protocol | hcl }}
    cache_policy_id = {{ p.default.cache_policy | hcl }}
    origin_request_policy_id = {{ p.default.origin_request_policy | hcl }}
{%- if not imported %}
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.{{ name }}.id
{%- endif %}
  }
{%- for behaviour in p.behaviours %}

  ordered_cache_behavior {
    path_pattern = {{ behaviour.path | hcl }}
    target_origin_id = {{ behaviour.target | hcl }}
    allowed_methods = {{ behaviour.methods | hcl }}
    cached_methods = ["GET", "HEAD"]
    viewer_protocol_policy = {{ behaviour.viewer_protocol | hcl }}
    cache_policy_id = {{ behaviour.cache_policy | hcl }}
    origin_request_policy_id = {{ behaviour.origin_request_policy | hcl }}
{%- if not imported %}
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.{{ name }}.id
{%- endif %}
  }
{%- endfor %}

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
{%- if p.certificate %}
    acm_certificate_arn = {{ p.certificate | hcl }}
    ssl_support_method = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
{%- else %}
    cloudfront_default_certificate = true
{%- endif %}
  }

  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
