{%- if not variable and not imported %}
# Made up while Terraform runs, kept in the secret only.
ephemeral "aws_secretsmanager_random_password" "{{ name }}" {
  provider = {{ provider }}
  password_length = 64
  exclude_punctuation = true
}
{%- endif %}

resource "aws_secretsmanager_secret" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  description = {{ p.description | hcl }}
{%- if p.kms_key or imported %}
  kms_key_id = {{ p.kms_key | hcl }}
{%- else %}
  kms_key_id = {{ key | hcl }}
{%- endif %}
{%- if p.replica %}

  replica {
    region = {{ p.replica.region | hcl }}
{%- if p.replica.kms_key or imported %}
    kms_key_id = {{ p.replica.kms_key | hcl }}
{%- else %}
    kms_key_id = {{ replica_key | hcl }}
{%- endif %}
  }
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
{%- if not imported %}

resource "aws_secretsmanager_secret_version" "{{ name }}" {
  provider = {{ provider }}
  secret_id = aws_secretsmanager_secret.{{ name }}.id
  secret_string_wo = jsonencode({
    username = {{ p.username | hcl }}
    password = {{ value }}
  })
  # Raise it to hand over another value.
  secret_string_wo_version = 1
}
{%- endif %}
