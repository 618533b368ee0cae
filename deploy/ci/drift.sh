#!/bin/sh
# Does the world still look as the protected branch says? Ends with 2 when something is to be done, and leaves drift.md.
set -eu
desired="${DESIRED_STATE:-desired-state.yaml}"
program="${RECONCILE:-reconcile}"

exec "$program" -f "$desired" --plan --detailed-exitcode --exit-zero-on 6,7 --save markdown=drift.md
