resource "aws_launch_template" "{{ name }}" {
  provider = {{ provider }}
  name = {{ p.name | hcl }}
  instance_type = {{ p.instance_type | hcl }}
  ebs_optimized = {{ p.ebs_optimized | hcl }}

  block_device_mappings {
    device_name = {{ p.root_volume.device | hcl }}

    ebs {
      volume_size = {{ p.root_volume.size_gib | hcl }}
      volume_type = {{ p.root_volume.kind | hcl }}
      encrypted = {{ p.root_volume.encrypted | hcl }}
    }
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens = {{ p.metadata_tokens | hcl }}
    http_put_response_hop_limit = {{ p.metadata_hop_limit | hcl }}
  }
{%- if p.user_data %}

  user_data = base64encode({{ p.user_data | heredoc }})
{%- endif %}

  tag_specifications {
    resource_type = "instance"
    tags = {{ p.instance_tags | hcl }}
  }

  tag_specifications {
    resource_type = "volume"
    tags = {{ p.volume_tags | hcl }}
  }
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
