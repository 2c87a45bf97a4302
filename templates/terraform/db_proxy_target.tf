resource "aws_db_proxy_default_target_group" "{{ name }}" {
  provider = {{ provider }}
  db_proxy_name = {{ p.proxy | hcl }}

  connection_pool_config {
    max_connections_percent = {{ p.max_connections_percent | hcl }}
    max_idle_connections_percent = {{ p.max_idle_connections_percent | hcl }}
    connection_borrow_timeout = {{ p.borrow_timeout | hcl }}
  }
}

resource "aws_db_proxy_target" "{{ name }}" {
  provider = {{ provider }}
  db_proxy_name = {{ p.proxy | hcl }}
  target_group_name = aws_db_proxy_default_target_group.{{ name }}.name
  db_cluster_identifier = {{ p.cluster | hcl }}
{% include "terraform/end.tf" %}
}
