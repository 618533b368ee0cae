"""A plan as a person reads it: equal changes grouped, destructive ones first. Pure.

alice/widget
  ~ push 2 refs, the same on 3 of 4 servers
  + announcement on delta
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.plan import Action, Hold, Plan, Publish, Push, Sign, Verdict, Wave
from reconciler.nostr import kinds, urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.safe import safe

_NAMES = {
    kinds.ANNOUNCEMENT: "announcement",
    kinds.STATE: "state",
    kinds.PATCH: "patch",
    kinds.PULL_REQUEST: "pull request",
    kinds.PULL_REQUEST_UPDATE: "pull request update",
    kinds.ISSUE: "issue",
    kinds.COMMENT: "comment",
    kinds.NOTE: "note",
    kinds.LABEL: "label",
    kinds.REACTION: "reaction",
    kinds.DELETION: "deletion",
} | dict.fromkeys(kinds.STATUSES, "status")


_ADDRESSED = (kinds.ANNOUNCEMENT, kinds.STATE)


@dataclass(frozen=True, slots=True)
class Line:
    """One change: `symbol` is + (new), ~ (changed), - (removed) or s (signed)."""

    symbol: str
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """The changes of one repository."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """What every renderer of a plan shows, in this order."""

    digest: str
    headline: str
    destructive: tuple[Line, ...]
    sections: tuple[Section, ...]
    holds: tuple[Line, ...]
    unknown: tuple[Line, ...]
    notes: tuple[str, ...]
    totals: str


def view(plan: Plan, digest: str) -> PlanView:
    """Group a plan for reading."""
    pairs = ((safe(r.name), r.coordinate) for r in plan.repositories)
    names = {coordinate: name for name, coordinate in sorted(pairs)}
    places: Counter[Coordinate] = Counter(cell.coordinate for cell in plan.cells)
    by_repository: defaultdict[Coordinate, list[Action]] = defaultdict(list)
    for action in plan.actions:
        by_repository[action.coordinate].append(action)
    sections = [
        Section(name, tuple(_lines(by_repository[coordinate], places[coordinate])))
        for coordinate, name in names.items()
        if by_repository[coordinate]
    ]
    servers = sum(server.grasp for server in plan.servers)
    headline = (
        f"{plural(len(names), 'repository')} on {plural(servers, 'server')}, "
        f"{plural(len(plan.cells), 'cell')}"
    )
    return PlanView(
        digest,
        headline,
        tuple(_destructive(plan, names)),
        tuple(_merged(sections)),
        tuple(_holds(plan.holds, names)),
        tuple(Line("?", f"{s.name}: {safe(s.fault)}") for s in plan.servers if s.fault),
        (
            *(f"{safe(name)}: no repository found on any server" for name in plan.silent),
            *(
                f"announcements also list {host}, which the desired state does not know"
                for host in map(safe, map(urls.host, plan.discovered))
            ),
        ),
        totals(plan),
    )


def totals(plan: Plan) -> str:
    """The counts at the end of a plan."""
    signs = sum(isinstance(a, Sign) for a in plan.actions)
    events = sum(isinstance(a, Publish) for a in plan.actions)
    pushes = [a for a in plan.actions if isinstance(a, Push)]
    refs = sum(len(p.updates) for p in pushes)
    deletes = sum(u.deletes for a in plan.actions for u in _refs(a))
    verdicts = Counter(cell.verdict for cell in plan.cells)
    cells = ", ".join(f"{verdicts[v]} {v}" for v in Verdict if verdicts[v])
    return (
        f"{signs} to sign, {plural(events, 'event')} to send, {plural(len(pushes), 'push')} of "
        f"{plural(refs, 'ref')}, {plural(deletes, 'ref')} deleted\ncells: {cells or 'none'}"
    )


def describe(update: RefUpdate) -> str:
    """One ref of a push."""
    name = safe(update.name)
    if update.creates:
        return f"+ {name}  {update.new[:10]}"
    if update.deletes:
        return f"- {name}  was {update.old[:10]}"
    return f"~ {name}  {update.old[:10]} → {update.new[:10]}"


def _merged(sections: Iterable[Section]) -> Iterable[Section]:
    """Repositories that need the very same lines stand under one title."""
    groups: defaultdict[tuple[tuple[str, str], ...], list[Section]] = defaultdict(list)
    for section in sections:
        groups[tuple((line.symbol, line.text) for line in section.lines)].append(section)
    for same in groups.values():
        if len(same) == 1:
            yield same[0]
            continue
        title = ", ".join(section.title for section in same) + f"  ({len(same)} alike, each:)"
        yield Section(title, tuple(_joined(same)))


def _joined(same: Sequence[Section]) -> Iterable[Line]:
    for number, line in enumerate(same[0].lines):
        details = tuple(
            f"{section.title}: {detail}"
            for section in same
            for detail in section.lines[number].details
        )
        yield Line(line.symbol, line.text, details)


def _destructive(plan: Plan, names: dict[Coordinate, str]) -> Iterable[Line]:
    groups: defaultdict[tuple[Coordinate, str, str, bool], list[str]] = defaultdict(list)
    for action in plan.actions:
        for update in _refs(action):
            if update.deletes and not isinstance(action, Sign):
                alone = isinstance(action, Publish)
                key = (action.coordinate, update.name, update.old, alone)
                groups[key].append(urls.host(action.server))
    for key, servers in sorted(groups.items(), key=lambda pair: (names[pair[0][0]], pair[0][1:])):
        coordinate, name, old, alone = key
        how = ", which deletes it by itself" if alone else ""
        text = f"{names[coordinate]}: delete {safe(name)} (was {old[:10]}) {_on(servers)}{how}"
        yield Line("-", text)


def _refs(action: Action) -> tuple[RefUpdate, ...]:
    """Refs that change when this action is done, by us or by the server itself."""
    if isinstance(action, Push):
        return action.updates
    return action.aligns if isinstance(action, Publish) else ()


def _lines(actions: Sequence[Action], places: int) -> Iterable[Line]:
    for action in actions:
        if isinstance(action, Sign):
            added = ", ".join(urls.host(url) for url in action.adds)
            text = f"sign the announcement (key {safe(action.signer)}), adding {added}"
            yield Line("s", text, (f"id {action.draft.id}", f"replaces {action.before}"))
    yield from _events(actions)
    yield from _pushes(actions, places)


def _events(actions: Sequence[Action]) -> Iterable[Line]:
    """Announcement and state by server; other events as counts by kind."""
    groups: defaultdict[tuple[int, str, str, bool], list[Publish]] = defaultdict(list)
    for action in actions:
        if isinstance(action, Publish) and action.kind in _ADDRESSED:
            symbol = "~" if action.before else "+"
            groups[action.kind, symbol, action.event_id, action.signed].append(action)
    for (kind, symbol, event_id, signed), same in groups.items():
        what = f"new {_NAMES[kind]}" if signed else _NAMES[kind]
        text = f"{what} {_on([urls.host(a.server) for a in same])}"
        yield Line(symbol, text, (f"event {event_id}",))
    yield from _other_events(
        [a for a in actions if isinstance(a, Publish) and a.kind not in _ADDRESSED]
    )


def _other_events(actions: Sequence[Publish]) -> Iterable[Line]:
    by_server: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for action in actions:
        by_server[urls.host(action.server)].add((action.event_id, action.kind))
    sets: defaultdict[frozenset[tuple[str, int]], list[str]] = defaultdict(list)
    for host, found in by_server.items():
        sets[frozenset(found)].append(host)
    for events, hosts in sets.items():
        details = tuple(f"{_NAMES.get(kind, f'kind {kind}')} {i}" for i, kind in sorted(events))
        yield Line("+", f"{_counted(kind for _, kind in events)} {_on(hosts)}", details)


def _pushes(actions: Sequence[Action], places: int) -> Iterable[Line]:
    groups: defaultdict[tuple[tuple[RefUpdate, ...], int], list[str]] = defaultdict(list)
    for action in actions:
        if isinstance(action, Push):
            groups[action.updates, action.wave].append(urls.host(action.server))
    for (updates, wave), hosts in groups.items():
        what = plural(len(updates), "pull ref" if wave == Wave.PULLS else "ref")
        same = f", the same on {len(hosts)} of {places} servers:" if len(hosts) > 1 else ""
        where = _on(hosts).removeprefix("on ") if same else _on(hosts)
        symbol = "+" if all(u.creates for u in updates) else "~"
        yield Line(symbol, f"push {what}{same} {where}", tuple(map(describe, updates)))


def _holds(holds: Iterable[Hold], names: dict[Coordinate, str]) -> Iterable[Line]:
    """Equal holds of several repositories on one line."""
    groups: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for hold in holds:
        where = urls.host(hold.server) if hold.server else ""
        key = (where, str(hold.reason), hold.detail, hold.release)
        name = names.get(hold.coordinate, safe(hold.coordinate.identifier))
        groups[key].append(name)
    for (where, reason, detail, release), repositories in groups.items():
        at = f" on {where}" if where else ""
        text = f"{reason}{at}: {', '.join(repositories)}"
        yield Line("!", text, (safe(detail, 500), f"released when {release}"))


def _counted(found: Iterable[int]) -> str:
    counts = Counter(_NAMES.get(kind, f"kind {kind}") for kind in found)
    return ", ".join(plural(count, name) for name, count in sorted(counts.items()))


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith(("s", "ch", "sh")):
        return f"{count} {noun}es"
    # "repositories", yet "keys"
    ends_in_y = noun.endswith("y") and noun[-2] not in "aeiou"
    return f"{count} {noun[:-1]}ies" if ends_in_y else f"{count} {noun}s"


def _on(hosts: Sequence[str]) -> str:
    return "on " + ", ".join(hosts)
