resource "aws_ecr_repository" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  image_tag_mutability = {% if p.immutable_tags %}"IMMUTABLE"{% else %}"MUTABLE"{% endif %}

  encryption_configuration {
{%- if p.kms_key %}
    encryption_type = "KMS"
    kms_key = {{ p.kms_key | hcl }}
{%- elif key and not imported %}
    encryption_type = "KMS"
    kms_key = {{ key | hcl }}
{%- else %}
    encryption_type = "AES256"
{%- endif %}
  }

  image_scanning_configuration {
    scan_on_push = {{ p.scan_on_push | hcl }}
  }
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{%- if p.lifecycle_policy %}
resource "aws_ecr_lifecycle_policy" "{{ name }}" {
  provider = {{ provider }}
  repository = aws_ecr_repository.{{ name }}.name
  policy = jsonencode({{ p.lifecycle_policy | hcl }})
}
{%- endif %}
