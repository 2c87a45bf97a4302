resource "aws_acm_certificate_validation" "{{ name }}" {
  provider = {{ provider }}
  certificate_arn = {{ p.certificate | hcl }}
{% include "terraform/end.tf" %}
}
