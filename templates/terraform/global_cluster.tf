resource "aws_rds_global_cluster" "{{ name }}" {
  provider = {{ provider }}
  global_cluster_identifier = {{ p.identifier | hcl }}
  source_db_cluster_identifier = {{ p.cluster | hcl }}
  deletion_protection = {{ p.deletion_protection | hcl }}
  # Lets go of its members before it goes itself.
  force_destroy = true
  tags = {{ tags | hcl }}

  depends_on = {{ depends_on | hcl }}

  # AWS doesn't say afterwards what it was made of.
  lifecycle {
    ignore_changes = [source_db_cluster_identifier]
  }
}
