resource "aws_acm_certificate" "{{ name }}" {
  provider = {{ provider }}
  domain_name = {{ p.domain | hcl }}
  subject_alternative_names = {{ p.alternative_names | hcl }}
  validation_method = "DNS"
  tags = {{ tags | hcl }}

  depends_on = {{ depends_on | hcl }}

  lifecycle {
    create_before_destroy = true
  }
}
