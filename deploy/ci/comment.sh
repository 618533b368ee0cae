#!/bin/sh
# Show a Markdown file as one comment of a GitHub pull request: the one that is there already is changed, and no new one
# is made. Needs `gh` with GH_TOKEN, GH_REPO (owner/name) and PR (its number). The text never stands on a command line.
set -eu
: "${GH_REPO:?}" "${PR:?}"
file="${1:?a Markdown file}"
marker=$(head -n 1 "$file")

python3 -c 'import json, sys; print(json.dumps({"body": open(sys.argv[1], encoding="utf-8").read()}))' \
  "$file" > body.json
id=$(gh api "repos/$GH_REPO/issues/$PR/comments" --paginate \
  --jq "map(select(.user.type == \"Bot\" and (.body | startswith(\"$marker\")))) | .[0].id // empty")
if test -n "$id"; then
  gh api --method PATCH "repos/$GH_REPO/issues/comments/$id" --input body.json > answer.json
else
  gh api --method POST "repos/$GH_REPO/issues/$PR/comments" --input body.json > answer.json
fi
