"""Fetch the plan that was made for a commit of a merge request: `reviewed.py COMMIT FILE`.

Asks this project's own GitLab with the job's token, and nobody else. A plan that was made up does
nothing: each of its actions must be what would be planned now.
"""

import json
import os
import sys
import urllib.request
from pathlib import Path


def ask(path: str) -> bytes:
    """GET something of the project's API."""
    base = f"{os.environ['CI_API_V4_URL']}/projects/{os.environ['CI_PROJECT_ID']}"
    request = urllib.request.Request(
        f"{base}/{path}", headers={"JOB-TOKEN": os.environ["CI_JOB_TOKEN"]}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: bytes = answer.read()
        return found


def main(commit: str, place: Path) -> None:
    """Write the newest successful plan of that commit."""
    pipelines = json.loads(ask(f"pipelines?sha={commit}&source=merge_request_event&status=success"))
    for pipeline in pipelines:
        for job in json.loads(ask(f"pipelines/{pipeline['id']}/jobs")):
            if job["name"] == "plan":
                place.write_bytes(ask(f"jobs/{job['id']}/artifacts/plan.json"))
                return
    sys.exit(f"no plan was made for {commit}: nothing was reviewed")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
