{%- if secret_name %}
data "aws_secretsmanager_secret" "{{ name }}" {
  provider = {{ provider }}
  name = {{ secret_name | hcl }}
}

{%- endif %}
resource "aws_db_proxy" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  engine_family = "POSTGRESQL"
  role_arn = {{ p.role | hcl }}
  vpc_subnet_ids = {{ p.subnets | hcl }}
  vpc_security_group_ids = {{ p.security_groups | hcl }}
  require_tls = {{ p.require_tls | hcl }}
  idle_client_timeout = {{ p.idle_timeout | hcl }}

  auth {
    auth_scheme = "SECRETS"
    iam_auth = "DISABLED"
    secret_arn = {% if secret_name %}data.aws_secretsmanager_secret.{{ name }}.arn{% else %}{{ p.secret | hcl }}{% endif %}
  }

  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
