"""Why a cell is as it is: the events, signers, refs and rules that decide it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model.desired import Desired
from reconciler.model.observed import Absent, Listing, Observed, ServerView
from reconciler.model.plan import Hold, Plan, RepositorySummary
from reconciler.nostr import kinds, nip19
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.nostr.nip34 import state as parsed
from reconciler.report.cells import chosen
from reconciler.report.lines import Line
from reconciler.report.marks import VERDICTS, Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.words import deed, describe, listed, plural

_NAMED = 5
"""Refs that one line names."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that an explanation draws from."""

    desired: Desired
    observed: Observed
    plan: Plan
    names: Names
    events: dict[str, Event]


def explain(
    word: str, desired: Desired, observed: Observed, plan: Plan
) -> dict[str, tuple[Line, ...]]:
    """Repository by repository, then cell by cell, what decides.

    Args:
        word: which cells, as `cells.chosen` has it.
        desired: the desired state.
        observed: the world, as it was just now.
        plan: what would be done about it.
    """
    names = Names.of(plan.repositories, plan.servers)
    known = _Known(desired, observed, plan, names, {e.id: e for e in observed.events})
    summaries = {summary.coordinate: summary for summary in plan.repositories}
    found: dict[str, tuple[Line, ...]] = {}
    for coordinate, server in chosen(word, names):
        title = names.repository(coordinate)
        if title not in found:
            found[title] = tuple(_repository(summaries[coordinate], known))
        found[f"{title} on {names.server(server)}"] = tuple(_cell(coordinate, server, known))
    return found


def _repository(summary: RepositorySummary, known: _Known) -> Iterator[Line]:
    """Who may speak, what they said last, and what holds for all servers."""
    who = ", ".join(_person(pubkey, known.desired) for pubkey in summary.authority)
    yield Line(
        Mark.NONE.symbol, f"may speak for it: {who} (the owner, and who confirms each other)"
    )
    yield Line(Mark.NONE.symbol, f"announcement: {_event(summary.announcement, known)}")
    if summary.state:
        event = known.events[summary.state]
        state = parsed(event)
        head = f", HEAD is {safe(state.head)}" if state.head else ""
        text = f"state that counts: {_event(summary.state, known)}"
        yield Line(Mark.NONE.symbol, text, (f"{plural(len(state.refs), 'ref')}{head}",))
    yield from map(_hold, (h for h in _holds(known, summary.coordinate) if h.server is None))


def _cell(coordinate: Coordinate, server: str, known: _Known) -> Iterator[Line]:
    """What one server has of it, may have of it, and would get."""
    for verdict in known.plan.cells:
        if (verdict.coordinate, verdict.server) == (coordinate, server):
            why = f": {safe(verdict.detail, 500)}" if verdict.detail else ""
            yield Line(VERDICTS[verdict.verdict].mark.symbol, f"{verdict.verdict}{why}")
    yield Line(Mark.NONE.symbol, _rule(coordinate, server, known.desired))
    view = known.observed.view(server)
    yield from _software(view, known)
    if view.grasp:
        yield _refs(coordinate, view, known)
    yield from _served(coordinate, view, known)
    yield from map(_hold, (h for h in _holds(known, coordinate) if h.server == server))
    for action in known.plan.actions:
        if action.coordinate == coordinate and server in action.places:
            symbol = Mark.NEW.symbol if action.announces else Mark.CHANGE.symbol
            details = tuple(map(describe, action.changes[:_NAMED]))
            yield Line(symbol, f"would {deed(action)}, because: {action.why}", details)


def _rule(coordinate: Coordinate, server: str, desired: Desired) -> str:
    owner = desired.npub(coordinate.owner)
    rule = desired.rule(f"{owner.name}/{coordinate.identifier}") if owner else None
    if server in desired.index_relays:
        return "index relay: it is told of announcements and states"
    allowed = any(found.url == server for found in desired.allowed(coordinate))
    word = "may be here" if allowed else "may not be here"
    if rule:
        return f"{word}, by the entry {safe(rule.pattern)} of `repositories`"
    if owner and (owner.allow is not None or owner.block):
        return f"{word}, by the servers of {owner.name}"
    return f"{word}: nothing restricts it"


def _software(view: ServerView, known: _Known) -> Iterator[Line]:
    summary = next(server for server in known.plan.servers if server.url == view.url)
    software = safe(summary.software) or "says nothing of itself"
    yield Line(Mark.NONE.symbol, f"server: {software}, taken for {summary.dialect}")
    if view.unknown:
        yield Line(Mark.UNKNOWN.symbol, safe(str(view.unknown), 500))
    if view.skew is not None and abs(view.skew) > 2:
        yield Line(Mark.NONE.symbol, f"its clock differs from ours by {-view.skew:+.0f} s")


def _refs(coordinate: Coordinate, view: ServerView, known: _Known) -> Line:
    """Its refs against those of the state."""
    refs = view.refs(coordinate)
    if isinstance(refs, Absent):
        return Line(Mark.CHANGE.symbol, "git side: no such repository")
    if not isinstance(refs, Listing):
        return Line(Mark.UNKNOWN.symbol, f"git side: {safe(str(refs), 500)}")
    state = _state(coordinate, known)
    if state is None:
        return Line(Mark.NONE.symbol, f"git side: {plural(len(refs.refs), 'ref')}")
    have, want = dict(refs.refs), dict(state.refs)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, oid in want.items():
        kind = "as the state has them" if have.get(name) == oid else "elsewhere"
        groups[kind if name in have else "missing"].append(name)
    groups["not in the state"] = [
        n for n in have if n not in want and n.startswith(("refs/heads/", "refs/tags/"))
    ]
    told = [f"{len(found)} {kind}" for kind, found in groups.items() if found]
    details = tuple(
        f"{kind}: {listed(list(map(safe, found)), _NAMED)}"
        for kind, found in groups.items()
        if found and kind != "as the state has them"
    )
    symbol = Mark.CHANGE.symbol if details else Mark.SYNC.symbol
    head = f", HEAD is {safe(refs.head)}" if refs.head else ""
    return Line(symbol, f"git side: {', '.join(told) or 'no ref'}{head}", details)


def _served(coordinate: Coordinate, view: ServerView, known: _Known) -> Iterator[Line]:
    """Which announcement and state its relay serves, and how many of the events beside them."""
    if view.unknown:
        return
    for kind in (kinds.ANNOUNCEMENT, kinds.STATE):
        here = [
            event
            for event in known.events.values()
            if event.kind == kind
            and event.id in view.served
            and event.first("d") == coordinate.identifier
        ]
        noun = "announcement" if kind == kinds.ANNOUNCEMENT else "state"
        if here:
            newest = min(here, key=newest_first)
            yield Line(Mark.NONE.symbol, f"serves {noun} {_event(newest.id, known)}")
        else:
            yield Line(Mark.CHANGE.symbol, f"serves no {noun}")
    waiting = Counter("accepted" if s.accepted else "refused" for s in view.submitted)
    for how, count in sorted(waiting.items()):
        yield Line(
            Mark.SETTLING.symbol, f"{plural(count, 'event')} sent before, {how} and not seen"
        )


def _event(event_id: str, known: _Known) -> str:
    event = known.events[event_id]
    when = datetime.fromtimestamp(event.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    servers = [view.url for view in known.observed.views if event_id in view.served]
    by = _person(event.pubkey, known.desired)
    days = (known.observed.at - event.created_at) / 86_400
    return (
        f"{event_id[:16]} by {by}, {when} ({days:.1f} days old), "
        f"served by {known.names.listed(servers) or 'nobody'}"
    )


def _person(pubkey: str, desired: Desired) -> str:
    owner = desired.npub(pubkey)
    return owner.name if owner else f"{nip19.npub(pubkey)[:16]}…"


def _state(coordinate: Coordinate, known: _Known) -> State | None:
    for summary in known.plan.repositories:
        if summary.coordinate == coordinate and summary.state:
            return parsed(known.events[summary.state])
    return None


def _holds(known: _Known, coordinate: Coordinate) -> Sequence[Hold]:
    return [hold for hold in known.plan.holds if hold.coordinate == coordinate]


def _hold(hold: Hold) -> Line:
    accepted = " (accepted)" if hold.accepted else ""
    details = (safe(hold.detail, 500), f"released when {safe(hold.release, 500)}")
    return Line(Mark.HELD.symbol, f"held: {hold.reason}{accepted}", details)
