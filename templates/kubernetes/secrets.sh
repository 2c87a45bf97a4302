#!/usr/bin/env bash
# {{ header }}
# Makes the Secrets that pods in {{ cluster }} in {{ region }} read, from where their values are kept. None stands here.
# Needs aws, jq and kubectl, and kubectl's context on that cluster:
#   aws eks update-kubeconfig --region {{ region }} --name {{ cluster }}
set -euo pipefail
umask 077
export AWS_REGION={{ region }}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The text of a secret in Secrets Manager.
value_of() {
  aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text | tr -d '\n'
}

# A field of one that is JSON.
field_of() {
  value_of "$1" | jq --raw-output --join-output ".$2"
}

# The password that RDS made for a cluster, and keeps.
password_of_rds() {
  field_of "$(aws rds describe-db-clusters --db-cluster-identifier "$1" \
    --query 'DBClusters[0].MasterUserSecret.SecretArn' --output text)" password
}

# A connection string: cluster, port, database, user, password.
connection() {
  local host password
  host=$(aws rds describe-db-clusters --db-cluster-identifier "$1" --query 'DBClusters[0].Endpoint' --output text)
  password=$(printf %s "$5" | sed "s/[\\\\']/\\\\&/g")
  printf "host=%s port=%s dbname=%s user=%s password='%s'" "$host" "$2" "$3" "$4" "$password"
}

# Makes or renews a Secret of the files in $folder.
secret() {
  kubectl --namespace {{ namespace }} create secret generic "$1" --from-file="$folder" --dry-run=client --output yaml |
    kubectl apply --server-side --force-conflicts --filename -
  rm -f "$folder"/*
}
{% for secret in secrets %}
# {{ secret.name }}: {{ secret.about }}
{% for key in secret.keys %}{{ key[1] }} > "$folder/{{ key[0] }}"
{% endfor %}secret {{ secret.name }}
{% endfor -%}
