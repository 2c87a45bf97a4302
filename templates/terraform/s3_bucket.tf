resource "aws_s3_bucket" "{{ name }}" {
  provider = {{ provider }}
  bucket = "{{ p.bucket_prefix }}-${data.aws_caller_identity.current.account_id}"
  force_destroy = {{ p.disposable | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

resource "aws_s3_bucket_public_access_block" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id
  block_public_acls = {{ p.block_public_access | hcl }}
  block_public_policy = {{ p.block_public_access | hcl }}
  ignore_public_acls = {{ p.block_public_access | hcl }}
  restrict_public_buckets = {{ p.block_public_access | hcl }}
}

resource "aws_s3_bucket_ownership_controls" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id

  rule {
    object_ownership = {{ p.ownership | hcl }}
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = {% if p.kms_key %}"aws:kms"{% else %}"AES256"{% endif %}
      kms_master_key_id = {{ p.kms_key | hcl }}
    }
  }
}

{%- if p.versioning %}
resource "aws_s3_bucket_versioning" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id

  versioning_configuration {
    status = "Enabled"
  }
}

{%- endif %}
{%- if p.expiration_days %}
resource "aws_s3_bucket_lifecycle_configuration" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id

  rule {
    id = "vvbill-expire"
    status = "Enabled"

    filter {
      prefix = ""
    }

    expiration {
      days = {{ p.expiration_days | hcl }}
    }

    noncurrent_version_expiration {
      noncurrent_days = {{ p.expiration_days | hcl }}
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

{%- endif %}
{%- if p.policy %}
resource "aws_s3_bucket_policy" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id
  policy = jsonencode({{ p.policy | hcl }})

  depends_on = [aws_s3_bucket_public_access_block.{{ name }}]
}
{%- endif %}

{%- if not imported %}

# Costs nothing until a rule asks for its events.
resource "aws_s3_bucket_notification" "{{ name }}" {
  provider = {{ provider }}
  bucket = aws_s3_bucket.{{ name }}.id
  eventbridge = true
}
{%- endif %}
