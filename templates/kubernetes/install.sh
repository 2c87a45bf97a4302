#!/usr/bin/env bash
# {{ header }}
# Installs what {{ cluster }} in {{ region }} needs before this folder's objects, each in a fixed version.
# Needs helm 3.16 or later, and kubectl's context on that cluster:
#   aws eks update-kubeconfig --region {{ region }} --name {{ cluster }}
set -euo pipefail
cd "$(dirname "$0")"

# The class that Prometheus' volumes are of.
kubectl apply --server-side --filename ../00-namespace.yaml
{% for release in releases %}
helm upgrade --install {{ release.name }} {{ release.chart }} \
{% if release.repository %}  --repo {{ release.repository }} \
{% endif %}  --version {{ release.version }} \
  --namespace {{ release.namespace }} --create-namespace \
  --atomic --timeout 10m \
  --values {{ release.name }}.values
{% endfor -%}
