"""A plan as a person reads it: equal changes grouped, destructive ones first. Pure.

alice/widget
  ~ push 2 refs, the same on 3 of 4 servers
  + announcement on delta
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.model.actions import Action, Verb
from reconciler.model.codec import digest
from reconciler.model.outcome import Finding
from reconciler.model.plan import Plan, ServerSummary, Verdict
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.report import standing
from reconciler.report.forced import forced
from reconciler.report.lines import Line, Section, lines, merged, what_for
from reconciler.report.safe import safe
from reconciler.report.standing import Refusal
from reconciler.report.words import clock, kind_name, on, plural

_WAITS = frozenset({Verdict.HELD, Verdict.CONFLICT, Verdict.IMPOSSIBLE, Verdict.HOLLOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRow:
    """One server at a glance. `new`, `changed`, `held` and `unknown` count cells, `deleted` refs;
    `work` says in words what it would get."""

    name: str
    new: int
    changed: int
    deleted: int
    held: int
    unknown: int
    work: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What every renderer of a plan shows; all texts are safe to print."""

    plan: Plan
    digest: str
    headline: str
    counts: str
    deleted: int
    cells: str
    destructive: tuple[Line, ...]
    refusals: tuple[Refusal, ...]
    signatures: tuple[Line, ...]
    sections: tuple[Section, ...]
    left: tuple[Line, ...]
    holds: tuple[Line, ...]
    accepted: int
    unknown: tuple[Line, ...]
    notes: tuple[str, ...]
    servers: tuple[ServerRow, ...]


def view(plan: Plan, findings: Sequence[Finding] = ()) -> PlanView:
    """Group a plan for reading."""
    names = standing.names_of(plan.repositories)
    digested = digest(plan)
    events, pushed, deleted = _volume(plan.actions)
    signs = len(plan.signs)
    verdicts = Counter(cell.verdict for cell in plan.cells)
    servers = sum(server.grasp for server in plan.servers)
    return PlanView(
        plan=plan,
        digest=digested,
        headline=f"{plural(len(names), 'repository')} on {plural(servers, 'server')}, "
        f"{plural(len(plan.cells), 'cell')}",
        counts=f"{signs} to sign, {plural(events, 'event')} to send, {pushed}, "
        f"{plural(deleted, 'ref')} deleted",
        deleted=deleted,
        cells=", ".join(f"{verdicts[v]} {v}" for v in Verdict if verdicts[v]) or "none",
        destructive=(*_destructive(plan, names), *forced(plan.forced, names)),
        refusals=standing.refusals(findings, digested),
        signatures=tuple(_signatures(plan, names)),
        sections=tuple(merged(_sections(plan, names))),
        left=tuple(_left(plan, names)),
        holds=standing.held(plan.holds, names),
        accepted=sum(hold.accepted for hold in plan.holds),
        unknown=standing.unknown(plan.servers, plan.cells, names),
        notes=tuple(_notes(plan)),
        servers=tuple(_row(server, plan) for server in plan.servers),
    )


def _notes(plan: Plan) -> Iterable[str]:
    yield from standing.slips(plan.unmatched, plan.servers)
    for name in plan.silent:
        yield f"{safe(name)}: a repository {standing.nowhere(plan.servers)}"
    for url in plan.discovered:
        host = safe(urls.host(url))
        yield f"announcements also list {host}, which the desired state does not know"


def _sections(plan: Plan, names: dict[Coordinate, str]) -> Iterable[Section]:
    places: Counter[Coordinate] = Counter(cell.coordinate for cell in plan.cells)
    by_repository: defaultdict[Coordinate, list[Action]] = defaultdict(list)
    for action in plan.actions:
        by_repository[action.coordinate].append(action)
    for coordinate, name in names.items():
        if its := by_repository[coordinate]:
            yield Section((name,), tuple(lines(its, places[coordinate])))


def _signatures(plan: Plan, names: dict[Coordinate, str]) -> Iterable[Line]:
    """Everything that would be signed, by key and by what it brings."""
    groups: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for sign in plan.signs:
        kind = kind_name(sign.draft.kind)
        noun = f"first {kind}" if sign.before is None else kind
        groups[sign.signer, noun, what_for(sign)].append(names[sign.coordinate])
    for (signer, noun, purpose), repositories in groups.items():
        text = f"{plural(len(repositories), noun)} with the key {safe(signer)}, {purpose}"
        yield Line("s", text, names=tuple(sorted(repositories)))


def _left(plan: Plan, names: dict[Coordinate, str]) -> Iterable[Line]:
    """What servers are given time for, by server."""
    groups: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for one in plan.delegated:
        if plan.left.issuperset(one.keys):
            groups[one.server, one.until].append(names[one.coordinate])
            kept[one.server].update(one.keys)
    for (server, until), repositories in groups.items():
        work = _work([action for action in plan.actions if action.key in kept[server]])
        text = f"{urls.host(server)} has until {clock(until)} for {work}"
        yield Line("~", text, names=tuple(sorted(repositories)))


def _row(server: ServerSummary, plan: Plan) -> ServerRow:
    actions = [action for action in plan.actions if action.server == server.url]
    cells = [cell for cell in plan.cells if cell.server == server.url]
    touched = {action.coordinate for action in actions}
    new = {action.coordinate for action in actions if action.announces}
    unknown = sum(cell.verdict is Verdict.UNKNOWN for cell in cells)
    return ServerRow(
        name=server.name,
        new=len(new),
        changed=len(touched - new),
        deleted=_volume(actions)[2],
        held=sum(cell.verdict in _WAITS for cell in cells),
        unknown=unknown or int(server.unknown is not None),
        work=_work(actions),
    )


def _work(actions: Sequence[Action]) -> str:
    events, pushed, deleted = _volume(actions)
    parts = [plural(events, "event")] if events else []
    parts += [pushed] if any(action.verb is Verb.PUSH for action in actions) else []
    parts += [f"{plural(deleted, 'ref')} deleted"] if deleted else []
    return ", ".join(parts)


def _volume(actions: Sequence[Action]) -> tuple[int, str, int]:
    """Events, pushes in words, and refs that go."""
    pushes = [action for action in actions if action.verb is Verb.PUSH]
    moved = sum(len(push.changes) for push in pushes)
    deleted = sum(update.deletes for action in actions for update in action.changes)
    events = sum(action.sends is not None for action in actions)
    return events, f"{plural(len(pushes), 'push')} of {plural(moved, 'ref')}", deleted


def _destructive(plan: Plan, names: dict[Coordinate, str]) -> Iterable[Line]:
    groups: defaultdict[tuple[Coordinate, str, str, bool], list[str]] = defaultdict(list)
    for action in plan.actions:
        for update in action.changes:
            if update.deletes and action.server:
                alone = action.sends is not None
                key = (action.coordinate, update.name, update.old, alone)
                groups[key].append(urls.host(action.server))
    for key, servers in sorted(groups.items(), key=lambda pair: (names[pair[0][0]], pair[0][1:])):
        coordinate, name, old, alone = key
        how = ", which deletes it by itself" if alone else ""
        text = f"{names[coordinate]}: delete {safe(name)} (was {old[:10]}) {on(servers)}{how}"
        yield Line("-", text)
