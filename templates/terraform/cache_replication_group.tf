{%- if p.auth_secret and not imported %}
# ElastiCache's provider takes a token as a plain argument only: Terraform keeps it in its state.
data "aws_secretsmanager_secret_version" "{{ name }}" {
  provider = {{ provider }}
  secret_id = {{ p.auth_secret | hcl }}
  version_id = {{ p.auth_version | hcl }}
}
{%- endif %}

resource "aws_elasticache_replication_group" "{{ name }}" {
  provider = {{ provider }}
  replication_group_id = {{ p.id | hcl }}
  description = {{ p.description | hcl }}
  engine = {{ p.engine | hcl }}
  engine_version = {{ p.engine_version | hcl }}
  node_type = {{ p.node_type | hcl }}
{%- if p.cluster_mode %}
  cluster_mode = "enabled"
  num_node_groups = {{ p.shards | hcl }}
  replicas_per_node_group = {{ p.replicas | hcl }}
{%- else %}
  num_cache_clusters = {{ p.replicas + 1 }}
{%- endif %}
  automatic_failover_enabled = {{ p.automatic_failover | hcl }}
  multi_az_enabled = {{ p.multi_az | hcl }}
  port = {{ p.port | hcl }}
  parameter_group_name = {{ p.parameter_group | hcl }}
  subnet_group_name = {{ p.subnet_group | hcl }}
  security_group_ids = {{ p.security_groups | hcl }}
  at_rest_encryption_enabled = {{ p.at_rest_encryption | hcl }}
  kms_key_id = {{ p.kms_key | hcl }}
  transit_encryption_enabled = {% if p.transit_encryption == "off" %}false{% else %}true{% endif %}
{%- if p.transit_encryption == "preferred" %}
  transit_encryption_mode = "preferred"
{%- endif %}
{%- if p.auth_secret and not imported %}
  auth_token = data.aws_secretsmanager_secret_version.{{ name }}.secret_string
  auth_token_update_strategy = "ROTATE"
{%- endif %}
  snapshot_retention_limit = {{ p.snapshot_retention_days | hcl }}
  snapshot_window = {{ p.snapshot_window | hcl }}
  maintenance_window = {{ p.maintenance_window | hcl }}
  apply_immediately = true
  tags = {{ tags | hcl }}
  depends_on = {{ depends_on | hcl }}

  lifecycle {
    prevent_destroy = {{ protect }}
  }
}
