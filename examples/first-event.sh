#!/usr/bin/env bash
# One event, from HTTP to the usage of its account, on a platform that is made for it and removed again.
# Needs vvbill and vvbill-ingest on PATH, and curl.
set -euo pipefail
cd "$(dirname "$0")"
plan=small.yaml

vvbill apply "$plan" --auto-approve
trap 'vvbill destroy "$plan" --auto-approve --destroy-data' EXIT

api=$(vvbill output "$plan" api)
key_file=$(vvbill output "$plan" api_key)
authorization="Authorization: Bearer $(cat "${key_file#file:}")"
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
id=$(cat /proc/sys/kernel/random/uuid)
event="{\"event_id\":\"$id\",\"account_id\":42,\"metric\":\"api.calls\",\"quantity\":\"1.5\",\"occurred_at\":\"$now\"}"

# 202 says that Kafka has it. Sending it twice counts it once: the identity is account and event_id.
for _ in 1 2; do
    curl --silent --show-error --fail --header "$authorization" --json "$event" "$api/v1/events"
    echo
done

# Readable before Postgres has it; a repeat that is still on its way is taken out when it gets there.
for _ in $(seq 100); do
    usage=$(curl --silent --show-error --fail --header "$authorization" "$api/v1/accounts/42/usage?metric=api.calls")
    case $usage in *'"1.5"'*) break ;; esac
    sleep 0.2
done
echo "$usage"
case $usage in
*'"1.5"'*) ;;
*) echo "account 42 used 1.5, and the answer says otherwise" >&2 && exit 1 ;;
esac
