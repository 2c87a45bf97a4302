#!/usr/bin/env bash
# apply.sh SAVED: does what was saved and approved, and nothing else: it never plans anew. Ends as `vvbill apply`.
set -uo pipefail
saved=${1:?usage: apply.sh SAVED}

code=0
vvbill apply "$saved" --input=false --lock-timeout 10m || code=$?
case $code in
0) ;;
3) echo "Nothing was done: the plan is over budget or against a policy. Change the plan, or its budget." ;;
4) echo "Nothing was done: another run held the lock for ten minutes. Start this job again when that is through." ;;
7) echo "Nothing was done: since it was planned, the state or what exists has changed, so that this is not what
was approved. Run the pipeline again: it plans anew, and that plan is approved anew." ;;
*) echo "It failed; the error is above. What was done until then is in the state: run the pipeline again, and the
rest is planned and approved." ;;
esac >&2
exit "$code"
