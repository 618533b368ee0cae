"""What stands in the way, in words: holds, what could not be learnt, what the guard refuses. A plan
and an outcome say it alike. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.model.outcome import Finding, Outcome
from reconciler.model.plan import (
    CellVerdict,
    Entry,
    Hold,
    ServerSummary,
    Unmatched,
    Verdict,
)
from reconciler.report.lines import Line
from reconciler.report.marks import Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.words import plural

_REASON_CHARS = 500
"""Characters of a reason: it may hold a server's words."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A guard that refuses or holds, or was lifted. `accept` is the word that lifts it, `text` says
    where and how much."""

    guard: str
    accepted: bool
    hold: bool
    text: str
    accept: str

    @property
    def verdict(self) -> str:
        """One word; a hold is none of the plan's doing."""
        return "accepted" if self.accepted else "HOLDS" if self.hold else "REFUSED"


def refusals(findings: Iterable[Finding], names: Names, digest: str) -> tuple[Refusal, ...]:
    """What the guard says of the plan with this digest."""
    return tuple(
        Refusal(
            finding.guard,
            finding.accepted,
            finding.hold,
            f"{safe(finding.repository)}{names.on(finding.server)}: "
            f"{safe(finding.detail, _REASON_CHARS)}",
            f"{finding.guard}@{digest[:16]}",
        )
        for finding in findings
    )


def held(holds: Iterable[Hold], names: Names) -> tuple[Line, ...]:
    """Holds that nobody accepted; those of several repositories that are equal share a line."""
    groups: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for hold in holds:
        if hold.accepted:
            continue
        where = names.on(hold.server)
        name = names.repository(hold.coordinate)
        groups[str(hold.reason), where, hold.detail, hold.release].append(name)
    return tuple(
        Line(
            Mark.HELD.symbol,
            f"{reason}{where}",
            (safe(detail, _REASON_CHARS), f"released when {release}"),
            tuple(repositories),
        )
        for (reason, where, detail, release), repositories in groups.items()
    )


def unknown(
    servers: Iterable[ServerSummary],
    cells: Iterable[CellVerdict],
    names: Names,
) -> tuple[Line, ...]:
    """What could not be learnt: whole servers, then single repositories, by server and reason."""
    summaries = tuple(servers)
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    whole: defaultdict[str, list[str]] = defaultdict(list)
    silent = {server.url for server in summaries if server.unknown}
    for cell in cells:
        if cell.verdict is Verdict.UNKNOWN:
            name = names.repository(cell.coordinate)
            if cell.server in silent:
                whole[cell.server].append(name)
            else:
                groups[cell.server, cell.detail].append(name)
    lines = [_whole(server, whole[server.url]) for server in summaries if server.unknown]
    for (server, why), repositories in groups.items():
        text = f"git on {names.server(server)}: {safe(why, _REASON_CHARS)}"
        lines.append(Line(Mark.UNKNOWN.symbol, text, names=tuple(repositories)))
    return tuple(lines)


def _whole(server: ServerSummary, repositories: Sequence[str]) -> Line:
    cells = f" ({plural(len(repositories), 'cell')})" if repositories else ""
    return Line(
        Mark.UNKNOWN.symbol,
        f"{safe(server.name)}: {safe(server.unknown or '')}{cells}",
        tuple(repositories),
    )


def poor(outcomes: Iterable[Outcome], names: Names) -> Iterator[Line]:
    """Servers from which objects did not come; the actions may have got them elsewhere."""
    groups: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for outcome in outcomes:
        for bad in outcome.bad_sources:
            groups[bad.server, str(bad.unknown)][safe(outcome.repository)] = None
    for (server, why), repositories in groups.items():
        text = f"objects from {names.server(server)}: {safe(why, _REASON_CHARS)}"
        yield Line(Mark.UNKNOWN.symbol, text, names=tuple(repositories))


def slips(unmatched: Iterable[Unmatched], servers: Sequence[ServerSummary]) -> Iterator[str]:
    """Entries of the operator's that fit nothing."""
    for slip in unmatched:
        if slip.entry is Entry.HOLD:
            yield f"{slip.entry}: {safe(slip.word)}: no such hold; the entry can go"
            continue
        meant = f" (did you mean {', '.join(map(safe, slip.near))}?)" if slip.near else ""
        yield f"{slip.entry} {safe(slip.word)}: such a repository {nowhere(servers)}{meant}"


def nowhere(servers: Sequence[ServerSummary]) -> str:
    """Where something was not found. A server that did not answer may well have it."""
    silent = sum(server.unknown is not None for server in servers)
    answered = len(servers) - silent
    if not silent:
        return "was found on no server"
    if not answered:
        return f"could not be looked for: no server answered ({silent} unknown)"
    return f"was not found on the {plural(answered, 'server')} that answered; {silent} unknown"
