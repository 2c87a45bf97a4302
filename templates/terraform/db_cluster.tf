{%- if password == "secret" %}
# Read while Terraform runs, kept nowhere.
ephemeral "aws_secretsmanager_secret_version" "{{ name }}" {
  provider = {{ provider }}
  secret_id = {{ p.master_secret | hcl }}
  version_id = {{ p.master_secret_version | hcl }}
}

{%- endif %}
resource "aws_rds_cluster" "{{ name }}" {
  provider = {{ provider }}
  cluster_identifier = {{ p.identifier | hcl }}
  engine = {{ p.engine | hcl }}
  engine_version = {{ p.engine_version | hcl }}
  global_cluster_identifier = {{ p.global_cluster | hcl }}
  database_name = {{ p.database_name | hcl }}
  master_username = {{ p.master_username | hcl }}
{%- if password == "managed" %}
  manage_master_user_password = true
{%- elif password == "secret" %}
  master_password_wo = jsondecode(ephemeral.aws_secretsmanager_secret_version.{{ name }}.secret_string)["password"]
  # Raise it to hand over another password.
  master_password_wo_version = 1
{%- endif %}
  port = {{ p.port | hcl }}
  db_subnet_group_name = {{ p.subnet_group | hcl }}
  vpc_security_group_ids = {{ p.security_groups | hcl }}
  db_cluster_parameter_group_name = {{ p.parameter_group | hcl }}
{%- if p.storage_type != "aurora" %}
  storage_type = {{ p.storage_type | hcl }}
{%- endif %}
  storage_encrypted = {{ p.storage_encrypted | hcl }}
  kms_key_id = {{ p.kms_key | hcl }}
  backup_retention_period = {{ p.backup_retention_days | hcl }}
  preferred_backup_window = {{ p.backup_window | hcl }}
  preferred_maintenance_window = {{ p.maintenance_window | hcl }}
  copy_tags_to_snapshot = {{ p.copy_tags_to_snapshots | hcl }}
  enabled_cloudwatch_logs_exports = {{ p.log_exports | hcl }}
  iam_database_authentication_enabled = {{ p.iam_authentication | hcl }}
  database_insights_mode = {{ p.database_insights | hcl }}
  performance_insights_enabled = {{ p.performance_insights | hcl }}
  performance_insights_kms_key_id = {{ p.performance_insights_key | hcl }}
  performance_insights_retention_period = {{ p.performance_insights_days | hcl }}
  deletion_protection = {{ p.deletion_protection | hcl }}
{%- if p.final_snapshot %}
  skip_final_snapshot = false
  final_snapshot_identifier = "{{ p.identifier }}-final"
{%- else %}
  skip_final_snapshot = true
{%- endif %}
  apply_immediately = true
  tags = {{ tags | hcl }}

  depends_on = {{ depends_on | hcl }}

  lifecycle {
    prevent_destroy = {{ protect }}
    # Which region writes is a failover's to say.
    ignore_changes = [global_cluster_identifier, replication_source_identifier]
  }
}
