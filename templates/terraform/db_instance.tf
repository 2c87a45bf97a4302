resource "aws_rds_cluster_instance" "{{ name }}" {
  provider = {{ provider }}
  identifier = {{ p.identifier | hcl }}
  cluster_identifier = {{ p.cluster | hcl }}
  engine = {{ p.engine | hcl }}
  instance_class = {{ p.class | hcl }}
  availability_zone = {{ p.zone | hcl }}
  promotion_tier = {{ p.promotion_tier | hcl }}
  monitoring_interval = {{ p.monitoring_interval | hcl }}
  monitoring_role_arn = {{ p.monitoring_role | hcl }}
  performance_insights_enabled = {{ p.performance_insights | hcl }}
  performance_insights_kms_key_id = {{ p.performance_insights_key | hcl }}
  performance_insights_retention_period = {{ p.performance_insights_days | hcl }}
  auto_minor_version_upgrade = {{ p.auto_minor_version_upgrade | hcl }}
  copy_tags_to_snapshot = true
  apply_immediately = true
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
