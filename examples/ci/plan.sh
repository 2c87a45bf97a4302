#!/usr/bin/env bash
# plan.sh PLAN FOLDER: saves what an apply of PLAN would do as FOLDER/saved.plan, and what a reviewer should read
# as FOLDER/comment.md. Ends as `vvbill plan --detailed-exitcode` does: 0 nothing to change, 2 changes are
# present, 3 over budget or against a policy, anything else: no plan, and the comment says why.
set -uo pipefail
plan=${1:?usage: plan.sh PLAN FOLDER} folder=${2:?usage: plan.sh PLAN FOLDER}
saved=$folder/saved.plan comment=$folder/comment.md said=$folder/said.txt
mkdir -p "$folder" && rm -f "$saved" || exit 1

# The first line is how the comment is found again, to be written anew and not once more.
echo "<!-- vvbill: $plan -->" > "$comment"

# What goes wrong is in the comment and in the job's log; a comment holds 65,536 characters.
failed() {
    cat "$said" >&2
    printf '### %s: %s\n\n~~~text\n%s\n~~~\n' "$plan" "$2" "$(head -c 60000 "$said")" >> "$comment"
    exit "$1"
}

vvbill validate "$plan" > "$said" 2>&1 || failed "$?" "it can't be applied as it is written"
cat "$said"

code=0
vvbill plan "$plan" --out "$saved" --detailed-exitcode > "$said" 2>&1 || code=$?
case $code in
0 | 2 | 3) cat "$said" ;;
4) failed "$code" "another run holds the lock of its state: start this one again when that is through" ;;
*) failed "$code" "it can't be planned" ;;
esac
vvbill show "$saved" --markdown >> "$comment" || exit 1
exit "$code"
