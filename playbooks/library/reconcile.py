#!/usr/bin/python
"""Ansible module: one run of the GRASP reconciler.

The program runs as a child with `--format json`, so that any version of it, anywhere on the PATH,
will do; nothing of it is imported here.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: reconcile
short_description: Make GRASP servers hold what a desired state says
description:
  - Runs C(reconcile --apply), or C(reconcile --plan) in check mode, and reports what changed.
  - Planning needs no key. Nothing is written to any server in check mode.
  - What is held back, and servers that did not answer, become warnings.
options:
  desired_state:
    description: The desired state.
    type: path
    required: true
  keys:
    description:
      - File with the keys that the desired state names, mode 0600. Only this path is handed on;
        the module never opens it.
    type: path
    aliases: [signers]
  plan:
    description:
      - A plan that O(out) saved and somebody reviewed. Exactly that is applied, or nothing when the
        world has moved. Check mode plans anew and does not look at it.
    type: path
  still_valid:
    description: With O(plan), do the part of it that still holds, and warn of what fell away.
    type: bool
    default: false
  out:
    description: In check mode, save the plan here, for O(plan) later.
    type: path
  state_dir:
    description: Archive and lock; without it the program's own default.
    type: path
  report_dir:
    description: Where the JSON reports are written.
    type: path
    default: reports
  limit:
    description: Only repositories that match one of these globs.
    type: list
    elements: str
    default: []
  shard:
    description: Only this share of the repositories, as C(i/n).
    type: str
  accept:
    description: Guards to lift for one very plan, each as C(GUARD@DIGEST).
    type: list
    elements: str
    default: []
  command:
    description:
      - The program and its first arguments. Without it C(reconcile) on the PATH is taken, then the
        one beside this interpreter, then this interpreter's own module.
    type: list
    elements: str
  fail_on:
    description:
      - Which ends of a run fail the task. C(guard) is a plan that destroys too much, C(failed)
        something that failed or did not converge, C(unknown) a server that could not be observed,
        C(held) what waits for a person and is not accepted by C(policies.holds).
      - Everything else but success (a mistake in the desired state, a lock, a bug) fails always.
    type: list
    elements: str
    choices: [failed, guard, held, unknown]
    default: [guard, failed]
attributes:
  check_mode:
    support: full
    description: Plans, and writes nothing to any server.
  diff_mode:
    support: full
    description: Shows the plan as Markdown.
author:
  - The GRASP reconciler project
"""

EXAMPLES = r"""
- name: Reconcile
  reconcile:
    desired_state: desired-state.yaml
    keys: /etc/reconcile/keys

- name: Reconcile alice's repositories; a server that is down is an error here
  reconcile:
    desired_state: desired-state.yaml
    keys: /etc/reconcile/keys
    limit: ["alice/*"]
    fail_on: [guard, failed, unknown]

- name: Apply what was reviewed, as far as it still holds
  reconcile:
    desired_state: desired-state.yaml
    keys: /etc/reconcile/keys
    plan: plan.json
    still_valid: true
"""

RETURN = r"""
exit_code:
  description: The program's exit code.
  type: int
  returned: always
exit_codes:
  description: All exit codes that hold, worst first.
  type: list
  elements: int
  returned: when there is a report
report:
  description: Absolute path of this run's report.
  type: str
  returned: when there is a report
plan_digest:
  description: Names this very plan; C(accept) wants it.
  type: str
  returned: when there is a report
counts:
  description:
    - Numbers of actions planned, signatures made, events and pushes sent, holds, servers that
      could not be observed, and cells by verdict.
  type: dict
  returned: when there is a report
  sample: {planned: 3, signatures: 1, events_sent: 2, pushes_sent: 0, holds: 0, unreachable: 0}
"""

_CODES = {"failed": 3, "guard": 4, "unknown": 6, "held": 7}
_JUDGED = frozenset({0, 2, *_CODES.values()})
"""Exit codes after which there is a report, and `fail_on` decides; any other one is a failure."""
_REPORTS_TO_SEARCH = 50
_LINES = 200
"""Lines of the program's last words: a desired state has all its mistakes told at once."""
Json = Any


def main() -> None:
    """One task."""
    module = AnsibleModule(
        argument_spec={
            "desired_state": {"type": "path", "required": True},
            # a path, never a key
            "keys": {"type": "path", "no_log": False, "aliases": ["signers"]},
            "plan": {"type": "path"},
            "still_valid": {"type": "bool", "default": False},
            "out": {"type": "path"},
            "state_dir": {"type": "path"},
            "report_dir": {"type": "path", "default": "reports"},
            "limit": {"type": "list", "elements": "str", "default": []},
            "shard": {"type": "str"},
            "accept": {"type": "list", "elements": "str", "default": []},
            "command": {"type": "list", "elements": "str"},
            "fail_on": {
                "type": "list",
                "elements": "str",
                "choices": sorted(_CODES),
                "default": ["guard", "failed"],
            },
        },
        supports_check_mode=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "plan.md"
        code, out, err = _run(module, summary)
        plan = summary.read_text(encoding="utf-8") if summary.exists() else ""
    if code not in _JUDGED:
        _fail_early(module, code, err)
    _finish(module, code, _decode(module, out, err), plan)


def _run(module: AnsibleModule, summary: Path) -> tuple[int, str, str]:
    """The child, which hears of nothing but our parameters.

    One run gives the machine's form on stdout, and the form for people, the same that a pull
    request shows, to the file that GITHUB_STEP_SUMMARY names.
    """
    for name in [name for name in os.environ if name.startswith("RECONCILE_")]:
        del os.environ[name]
    given = module.params
    words = [*(given["command"] or _program(module)), "--format", "json"]
    words += _mode(module)
    words += ["--file", given["desired_state"], "--report-dir", given["report_dir"]]
    for name, flag in (("keys", "signers"), ("state_dir", "state-dir"), ("shard", "shard")):
        words += [f"--{flag}", given[name]] if given[name] else []
    for flag in ("limit", "accept"):
        words += [word for value in given[flag] for word in (f"--{flag}", value)]
    environment = {"GITHUB_STEP_SUMMARY": str(summary)}
    code, out, err = module.run_command(words, environ_update=environment)
    return int(code), str(out), str(err)


def _mode(module: AnsibleModule) -> list[str]:
    """What the program is to do."""
    given = module.params
    if module.check_mode:
        return ["--plan", *(["--out", given["out"]] if given["out"] else [])]
    if given["plan"] is None:
        return ["--apply"]
    return ["--apply", given["plan"], *(["--still-valid"] if given["still_valid"] else [])]


def _program(module: AnsibleModule) -> list[str]:
    """Where the program is."""
    found = module.get_bin_path("reconcile", opt_dirs=[str(Path(sys.executable).parent)])
    return [found] if found else [sys.executable, "-m", "reconciler"]


def _fail_early(module: AnsibleModule, code: int, err: str) -> NoReturn:
    """A run that ended before there was anything to report; the program's words name the place."""
    said = [line for line in err.splitlines() if line.strip()]
    if any("No module named reconciler" in line for line in said):
        said.append("no `reconcile` on the PATH or beside this Python: set reconcile_command")
    reason = "\n".join(said[-_LINES:]) or "it said nothing"
    module.fail_json(msg=f"reconcile ended with {code}: {reason}", exit_code=code, changed=False)
    raise AssertionError("fail_json does not return")


def _decode(module: AnsibleModule, out: str, err: str) -> Json:
    try:
        return json.loads(out)
    except ValueError:
        module.fail_json(msg=f"reconcile printed no JSON: {err.strip()[-2000:]}", changed=False)
        raise


def _finish(module: AnsibleModule, code: int, document: Json, plan: str) -> None:
    """End the task: `document` is the plan in check mode, else the report."""
    folder = Path(module.params["report_dir"]).absolute()
    if module.check_mode:
        path, report = _find(folder, document)
        changed = would_write(document, report, keys=bool(module.params["keys"]))
    else:
        path, report = folder / f"{document['run_id']}.json", document
        changed = report["events_sent"] + report["pushes_sent"] > 0
    for line in remarks(report):
        module.warn(line)
    result = {
        "changed": changed,
        "exit_code": code,
        "exit_codes": report["exit_codes"],
        "report": str(path),
        "plan_digest": report["plan_digest"],
        "counts": counts(report),
        "diff": {"prepared": plan},
    }
    failed = [name for name in module.params["fail_on"] if _CODES[name] in report["exit_codes"]]
    if failed:
        module.fail_json(msg=_complaint(failed, report), **result)
    module.exit_json(**result)


def _find(folder: Path, plan: Json) -> tuple[Path, Json]:
    """The report of a plan. `latest.json` may be another run's by now, another shard's perhaps."""
    for path in sorted(folder.glob("*Z-*.json"), reverse=True)[:_REPORTS_TO_SEARCH]:
        report = json.loads(path.read_text(encoding="utf-8"))
        if (report["plan_digest"], report["cells"]) == (plan["digest"], plan["cells"]):
            return path, report
    raise FileNotFoundError(f"no report of plan {plan['digest']} in {folder}")


def would_write(plan: Json, report: Json, *, keys: bool) -> bool:
    """Would applying this plan send anything?

    The program does not begin what the guard keeps back, nor anything else in such a cell; the same
    goes for what waits for a signature that is kept back, or has no key.
    """
    withheld = {key for f in report["findings"] if not f["accepted"] for key in f["keys"]}
    # what servers get by themselves is not sent, as long as they have time for it
    withheld |= {key for left in plan["delegated"] for key in left["keys"] if _given(plan, left)}
    signs = [a for a in plan["actions"] if a["action"] == "sign"]
    missing = [a for a in signs if not keys or _key(a) in withheld]
    blocked = {(a["coordinate"], server) for a in missing for server in a["adds"]}
    unsigned = {(a["draft"]["kind"], a["coordinate"]) for a in missing}
    sent = []
    for action in plan["actions"]:
        if action["action"] == "sign":
            continue
        if _key(action) in withheld:
            blocked.add((action["coordinate"], action["server"]))
        elif not (action.get("signed") and (action["kind"], action["coordinate"]) in unsigned):
            sent.append((action["coordinate"], action["server"]))
    return any(cell not in blocked for cell in sent)


def _given(plan: Json, left: Json) -> bool:
    return bool(plan["created_at"] < left["until"])


def _key(action: Json) -> str:
    """The stable name of an action, as findings call it."""
    if action["action"] == "sign":
        return f"sign:{_state(action['draft'])}{action['coordinate']}"
    where = f"{action['action']}:{action['server']}"
    if action["action"] == "push":
        return f"{where}:{action['coordinate']}:{action['wave']}"
    drafted = f"draft:{_state(action)}{action['coordinate']}"
    return f"{where}:{drafted if action['signed'] else action['event_id']}"


def _state(event: Json) -> str:
    return "state:" if event["kind"] == 30618 else ""


def counts(report: Json) -> dict[str, Json]:
    """The numbers of a run."""
    names = ("planned", "signatures", "events_sent", "pushes_sent")
    return {
        **{name: report[name] for name in names},
        "holds": len(report["holds"]),
        "unreachable": sum(server["unknown"] is not None for server in report["servers"]),
        "cells": dict(Counter(cell["verdict"] for cell in report["cells"])),
    }


def remarks(report: Json) -> list[str]:
    """What a person should hear although the task goes on."""
    lines = [
        f"{server['name']} could not be observed: {server['unknown']}"
        for server in report["servers"]
        if server["unknown"]
    ]
    silent = {server["url"] for server in report["servers"] if server["unknown"]}
    cells = (c for c in report["cells"] if c["verdict"] == "unknown" and c["server"] not in silent)
    unknown = Counter((cell["server"], cell["detail"]) for cell in cells)
    lines += [
        f"{count} repositories on {server} could not be observed: {why}"
        for (server, why), count in sorted(unknown.items())
    ]
    held = Counter(hold["reason"] for hold in report["holds"] if not hold["accepted"])
    lines += [f"held back: {count} x {reason}" for reason, count in sorted(held.items())]
    lines += [f"{slip['entry']} {slip['word']} matches nothing" for slip in report["unmatched"]]
    lines += report["notes"]
    ends = Counter(o["result"] for o in report["outcomes"])
    bad = ("failed", "stale", "unreachable", "not-attempted")
    lines += [f"actions that ended as {word}: {ends[word]}" for word in bad if ends[word]]
    return [_printable(line) for line in lines]


def _complaint(failed: list[str], report: Json) -> str:
    """Why the task failed, by `fail_on`."""
    lines = [f"the run ended as {', '.join(failed)} (exit codes {report['exit_codes']})"]
    digest = report["plan_digest"][:16]
    for finding in report["findings"]:
        if not finding["accepted"]:
            where = " on ".join(filter(None, (finding["repository"], finding["server"])))
            way = f"after reading the plan: accept {finding['guard']}@{digest}"
            lines.append(_printable(f"{finding['guard']}: {where}: {finding['detail']}; {way}"))
    return "\n".join(lines + remarks(report))


def _printable(text: str) -> str:
    """Servers' words on one line, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


if __name__ == "__main__":
    main()
