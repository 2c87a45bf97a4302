resource "aws_ecr_repository" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  image_tag_mutability = {% if p.immutable_tags %}"IMMUTABLE"{% else %}"MUTABLE"{% endif %}

  encryption_configuration {
    encryption_type = {% if p.kms_key %}"KMS"{% else %}"AES256"{% endif %}
    kms_key = {{ p.kms_key | hcl }}
  }

  image_scanning_configuration {
    scan_on_push = {{ p.scan_on_push | hcl }}
  }
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{% if p.lifecycle_policy %}
resource "aws_ecr_lifecycle_policy" "{{ name }}" {
  provider = {{ provider }}
  repository = aws_ecr_repository.{{ name }}.name
  policy = jsonencode({{ p.lifecycle_policy | hcl }})
}
{% endif %}
