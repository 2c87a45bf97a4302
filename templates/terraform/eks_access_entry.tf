resource "aws_eks_access_entry" "{{ name }}" {
  provider = {{ provider }}
  cluster_name = {{ p.cluster | hcl }}
  principal_arn = {{ p.principal | hcl }}
  type = {{ p.kind | hcl }}
{%- if p.kubernetes_groups %}
  kubernetes_groups = {{ p.kubernetes_groups | hcl }}
{%- endif %}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}

{%- for policy in p.policies %}
resource "aws_eks_access_policy_association" "{{ name }}_{{ loop.index }}" {
  provider = {{ provider }}
  cluster_name = aws_eks_access_entry.{{ name }}.cluster_name
  principal_arn = aws_eks_access_entry.{{ name }}.principal_arn
  policy_arn = {{ policy.arn | hcl }}

  access_scope {
{%- if policy.namespaces %}
    type = "namespace"
    namespaces = {{ policy.namespaces | hcl }}
{%- else %}
    type = "cluster"
{%- endif %}
  }
}

{%- endfor %}
