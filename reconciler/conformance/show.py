"""A trial as JSON, text and Markdown. Every word of the server's passes `safe`."""

from __future__ import annotations

import json

from reconciler.conformance.verdict import AGREE, DIFFER, NOT_RUN, WORDS, Judged, Trial
from reconciler.report.safe import safe

_SECTION = "-"


def document(trial: Trial) -> str:
    """The trial as JSON."""
    rows = [vars(row) for row in trial.rows]
    head = {n: v for n, v in vars(trial).items() if n != "rows"}
    head |= {"ended": trial.ended.name.lower(), "exit_code": int(trial.ended)}
    counts = dict(trial.counts()) | {"percent": round(trial.percent(), 1)}
    return json.dumps(head | {"counts": counts, "rows": rows}, indent=2, default=str) + "\n"


def text(trial: Trial) -> str:
    """Row, verdict and clause; what differs has both values below."""
    lines = [f"{trial.url} {safe(trial.software)}, judged as {trial.family}", ""]
    for row in _sorted(trial):
        lines.append(f"{row.id:22}  {row.verdict:7}  {row.clause}")
        lines += [f"{'':10}{line}" for line in _below(row)]
    return "\n".join([*lines, "", *_last(trial)]) + "\n"


def markdown(trial: Trial) -> str:
    """The same as a table."""
    lines = [f"## {trial.url}", "", f"`{_cell(trial.software)}`, judged as {trial.family}", ""]
    lines += ["| Row | Verdict | Clause | Seen |", "|---|---|---|---|"]
    for row in _sorted(trial):
        below = "<br>".join(f"`{_cell(line)}`" for line in _below(row))
        lines.append(f"| {row.id} | {row.verdict} | {_cell(row.clause)} | {below} |")
    return "\n".join([*lines, "", *_last(trial)]) + "\n"


def _sorted(trial: Trial) -> list[Judged]:
    return sorted(trial.rows, key=lambda row: (row.id.partition(_SECTION)[0], row.id))


def _below(row: Judged) -> list[str]:
    if row.verdict == AGREE:
        return []
    if row.verdict == NOT_RUN:
        return [safe(row.why)]
    guess = " (a guess: nobody has described it)" if row.guess else ""
    return [f"expected {safe(row.expected)}{guess}", f"seen     {safe(row.seen)}"]


def _last(trial: Trial) -> list[str]:
    counts = trial.counts()
    lines = []
    if trial.rows:
        lines.append(
            f"{counts[AGREE]} agree, {counts[DIFFER]} differ, {counts[NOT_RUN]} not run; "
            f"{trial.percent():.1f} % of those run agree; {trial.seconds:.0f} s"
        )
        lines.append(f"made {trial.named} events and asked for their deletion; left {trial.kept}")
    detail = f": {safe(trial.detail, 400)}" if trial.detail else ""
    return [*lines, f"{WORDS[trial.ended]}{detail}"]


def _cell(words: str) -> str:
    return safe(words).replace("|", "\\|").replace("`", "'")
