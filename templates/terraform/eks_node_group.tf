resource "aws_eks_node_group" "{{ name }}" {
  provider = {{ provider }}
  cluster_name = {{ p.cluster | hcl }}
  node_group_name = {{ p.name | hcl }}
  version = {{ p.version | hcl }}
  node_role_arn = {{ p.node_role | hcl }}
  subnet_ids = {{ p.subnets | hcl }}
  ami_type = {{ p.ami_type | hcl }}
  capacity_type = {{ p.capacity_type | hcl }}
  instance_types = {{ p.instance_types | hcl }}
{%- if p.labels %}
  labels = {{ p.labels | hcl }}
{%- endif %}

  scaling_config {
    min_size = {{ p.scaling.min | hcl }}
    max_size = {{ p.scaling.max | hcl }}
    desired_size = {{ p.scaling.desired or p.scaling.initial | hcl }}
  }

  update_config {
    max_unavailable = {{ p.max_unavailable | hcl }}
  }
{%- if p.launch_template %}

  launch_template {
    id = {{ p.launch_template | hcl }}
    version = {{ p.launch_template_version | hcl }}
  }
{%- endif %}
{%- for taint in p.taints %}

  taint {
    key = {{ taint.key | hcl }}
    value = {{ taint.value | hcl }}
    effect = {{ taint.effect | hcl }}
  }
{%- endfor %}
  tags = {{ tags | hcl }}

  depends_on = {{ depends_on | hcl }}
{%- if p.scaling.initial %}

  # The number of nodes is the autoscaler's.
  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }
{%- endif %}
}
