resource "aws_eks_cluster" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  version = {{ p.version | hcl }}
  role_arn = {{ p.role | hcl }}
  enabled_cluster_log_types = {{ p.logs | hcl }}
  bootstrap_self_managed_addons = {{ p.self_managed_addons | hcl }}
  deletion_protection = {{ p.deletion_protection | hcl }}

  access_config {
    authentication_mode = {{ p.authentication_mode | hcl }}
    bootstrap_cluster_creator_admin_permissions = {{ p.creator_is_admin | hcl }}
  }

  vpc_config {
    subnet_ids = {{ p.subnets | hcl }}
    endpoint_public_access = {{ p.endpoint.public | hcl }}
    endpoint_private_access = {{ p.endpoint.private | hcl }}
    public_access_cidrs = {{ p.endpoint.public_cidrs | hcl }}
  }
{%- if p.encryption_key %}

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = {{ p.encryption_key | hcl }}
    }
  }
{%- endif %}
{%- if p.support_type %}

  upgrade_policy {
    support_type = {{ p.support_type | hcl }}
  }
{%- endif %}
  tags = {{ tags | hcl }}

  depends_on = {{ depends_on | hcl }}

  # Only creation takes these.
  lifecycle {
    ignore_changes = [bootstrap_self_managed_addons, access_config[0].bootstrap_cluster_creator_admin_permissions]
  }
}
