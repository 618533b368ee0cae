#!/bin/sh
# What a change of the desired state would do. Needs no secret; the change is compared with BASE_REF, and no other
# private network is spoken to than that one allows. Leaves plan.json, comment.md, junit.xml and plan.html.
set -eu
: "${BASE_REF:?the branch that the change goes to, such as origin/main}"
desired="${DESIRED_STATE:-desired-state.yaml}"
program="${RECONCILE:-reconcile}"

git show "$BASE_REF:$desired" > base.yaml
"$program" -f "$desired" validate
# 2 (changes are pending) is what a plan is for; 4 (a guard refuses) fails the check
status=0
"$program" -f "$desired" --base base.yaml --plan --out plan.json --detailed-exitcode \
  --save markdown=comment.md --save junit=junit.xml --save html=plan.html \
  --exit-zero-on 6,7 || status=$?
test "$status" = 2 || exit "$status"
