"""A plan as a person reads it: equal changes grouped, destructive ones first. Pure.

alice/widget
  ~ push 2 refs, the same on 3 of 4 servers
  + announcement on delta
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.model.plan import Action, Hold, Plan, Publish, Push, Sign, Verdict
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.lines import Line, Section, lines, merged
from reconciler.report.safe import safe
from reconciler.report.words import on, plural


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
    servers: tuple[Line, ...]
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
        Section(name, tuple(lines(by_repository[coordinate], places[coordinate])))
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
        tuple(merged(sections)),
        tuple(_holds(plan.holds, names)),
        tuple(Line("?", f"{s.name}: {safe(s.unknown)}") for s in plan.servers if s.unknown),
        (
            *(f"{safe(name)}: no repository found on any server" for name in plan.silent),
            *(
                f"announcements also list {host}, which the desired state does not know"
                for host in map(safe, map(urls.host, plan.discovered))
            ),
        ),
        tuple(_by_server(plan)),
        totals(plan),
    )


def totals(plan: Plan) -> str:
    """The counts at the end of a plan."""
    signs = sum(isinstance(a, Sign) for a in plan.actions)
    verdicts = Counter(cell.verdict for cell in plan.cells)
    cells = ", ".join(f"{verdicts[v]} {v}" for v in Verdict if verdicts[v])
    events, pushed, deleted = _volume(plan.actions)
    return (
        f"{signs} to sign, {plural(events, 'event')} to send, {pushed}, "
        f"{plural(deleted, 'ref')} deleted\ncells: {cells or 'none'}"
    )


def _by_server(plan: Plan) -> Iterable[Line]:
    """What each server would get: the plan at a glance."""
    groups: defaultdict[str, list[Action]] = defaultdict(list)
    for action in plan.actions:
        if action.server:
            groups[action.server].append(action)
    for server in plan.servers:
        if its := groups[server.url]:
            events, pushed, deleted = _volume(its)
            parts = [plural(events, "event")] if events else []
            parts += [pushed] if any(isinstance(action, Push) for action in its) else []
            parts += [f"{plural(deleted, 'ref')} deleted"] if deleted else []
            yield Line("→", f"{server.name}: {', '.join(parts)}")


def _volume(actions: Sequence[Action]) -> tuple[int, str, int]:
    """Events, pushes in words, and refs that go."""
    pushes = [action for action in actions if isinstance(action, Push)]
    moved = sum(len(push.updates) for push in pushes)
    deleted = sum(update.deletes for action in actions for update in action.changes)
    events = sum(isinstance(action, Publish) for action in actions)
    return events, f"{plural(len(pushes), 'push')} of {plural(moved, 'ref')}", deleted


def _destructive(plan: Plan, names: dict[Coordinate, str]) -> Iterable[Line]:
    groups: defaultdict[tuple[Coordinate, str, str, bool], list[str]] = defaultdict(list)
    for action in plan.actions:
        for update in action.changes:
            if update.deletes and action.server:
                alone = isinstance(action, Publish)
                key = (action.coordinate, update.name, update.old, alone)
                groups[key].append(urls.host(action.server))
    for key, servers in sorted(groups.items(), key=lambda pair: (names[pair[0][0]], pair[0][1:])):
        coordinate, name, old, alone = key
        how = ", which deletes it by itself" if alone else ""
        text = f"{names[coordinate]}: delete {safe(name)} (was {old[:10]}) {on(servers)}{how}"
        yield Line("-", text)


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
