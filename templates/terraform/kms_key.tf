resource "aws_kms_key" "{{ name }}" {
  provider = {{ provider }}
  description = {{ p.description | hcl }}
  is_enabled = {{ p.enabled | hcl }}
  enable_key_rotation = {{ p.rotation | hcl }}
{%- if p.policy %}
  policy = jsonencode({{ p.policy | hcl }})
{%- elif not imported %}
  # As AWS has it by itself, and for who may read this account's secrets or writes its logs.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid = "Account"
        Effect = "Allow"
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action = "kms:*"
        Resource = "*"
      },
      {
        Sid = "Secrets"
        Effect = "Allow"
        Principal = { AWS = "*" }
        Action = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = data.aws_caller_identity.current.account_id
            "kms:ViaService" = "secretsmanager.{{ region }}.amazonaws.com"
          }
        }
      },
      {
        Sid = "Logs"
        Effect = "Allow"
        Principal = { Service = "logs.{{ region }}.amazonaws.com" }
        Action = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:{{ region }}:${data.aws_caller_identity.current.account_id}:*"
          }
        }
      },
    ]
  })
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
