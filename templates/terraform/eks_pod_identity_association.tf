resource "aws_eks_pod_identity_association" "{{ name }}" {
  provider = {{ provider }}
  cluster_name = {{ p.cluster | hcl }}
  namespace = {{ p.namespace | hcl }}
  service_account = {{ p.service_account | hcl }}
  role_arn = {{ p.role | hcl }}
  tags = {{ tags | hcl }}
{% include "terraform/end.tf" %}
}
