#!/usr/bin/env bash
# Gives a platform that runs and holds events another shard: what is there stays, and nothing is lost or counted
# twice. Accounts stay with the shard that they have; the new one stands ready, and is empty until slots are moved.
# Needs vvbill and vvbill-ingest on PATH, and curl. About a minute.
set -euo pipefail
cd "$(dirname "$0")"
plan=small.yaml

vvbill apply "$plan" --auto-approve
trap 'vvbill destroy "$plan" --auto-approve --destroy-data' EXIT

# All events of one account; the load test ends in an error where one is lost or counted twice.
account=$(vvbill loadtest "$plan" --events 5000 --seed 1 --accounts 1 --metrics 1 | tee /dev/stderr |
    sed -n 's/.* of account \([0-9]*\),.*/\1/p')
used() {
    local api key_file answer
    api=$(vvbill output "$plan" api)
    key_file=$(vvbill output "$plan" api_key)
    answer=$(curl --silent --show-error --fail --header "Authorization: Bearer $(cat "${key_file#file:}")" \
        "$api/v1/accounts/$account/usage?metric=metric-00")
    echo "${answer#*\"usage\":}"
}
before=$(used)

# A shard alone is refused, with the line and the fix: what is still to be written has to fit into the buffer.
if vvbill validate "$plan" --set aurora.shards=2; then
    echo "two shards fit into the buffer of one?" >&2
    exit 1
fi
# In a plan of your own you would write both down; here they are set for each command.
export VVBILL_SET=$'aurora.shards=2\nbuffer.maxmemory=256MiB'
vvbill plan "$plan"
vvbill apply "$plan" --auto-approve
# 2, if anything were left to do.
vvbill plan "$plan" --detailed-exitcode

after=$(used)
if [ "$before" != "$after" ]; then
    echo "account $account used $before, and after the apply it is $after" >&2
    exit 1
fi
vvbill loadtest "$plan" --events 5000 --seed 2
