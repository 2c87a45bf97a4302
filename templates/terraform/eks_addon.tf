resource "aws_eks_addon" "{{ name }}" {
  provider = {{ provider }}
  cluster_name = {{ p.cluster | hcl }}
  addon_name = {{ p.name | hcl }}
  addon_version = {{ p.version | hcl }}
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
{%- if p.configuration %}
  configuration_values = jsonencode({{ p.configuration | hcl }})
{%- endif %}
{%- for role in roles %}

  pod_identity_association {
    service_account = {{ role.account | hcl }}
    role_arn = {{ role.role | hcl }}
  }

{%- endfor %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
