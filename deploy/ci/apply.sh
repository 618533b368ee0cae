#!/bin/sh
# Do what was reviewed, as far as it still holds, and say what fell away. GRASP_SIGNERS holds the keys, one
# `name: nsec1…` a line; without it what needs a signature is held. Leaves outcome.md and page.html.
set -eu
plan="${1:?the plan that was reviewed, such as plan.json}"
desired="${DESIRED_STATE:-desired-state.yaml}"
program="${RECONCILE:-reconcile}"

set -- --apply "$plan" --still-valid --keep 200 --exit-zero-on 6,7
test -z "${GRASP_SIGNERS:-}" || set -- "$@" --signers env:GRASP_SIGNERS
exec "$program" -f "$desired" "$@" --save markdown=outcome.md --save html=page.html
