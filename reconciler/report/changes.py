"""The changes of a plan: what is alike is said once, whoever needs it. Pure.

+ delta: announcement, state, 2 to 7 refs, 1 event each: 84 repositories
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.model.actions import Action, Publish, Push, Sign
from reconciler.model.plan import Plan
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Tag, Tags
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.lines import Line
from reconciler.report.marks import Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.words import clock, describe, kind_name, plural

_LISTS = ("clone", "relays", "web", "maintainers")
"""Tags of which each value is a thing of its own (NIP-34)."""
_TAG_CHARS = 500
_COUNTED = ("ref", "event")
"""What is said with its number; of the others a cell gets one."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a cell needs, but for how many: cells of one shape share a line."""

    mark: Mark
    nouns: tuple[str, ...]


def changes(
    actions: Iterable[Action], names: Names, cause: Callable[[Action], str] = lambda _: ""
) -> dict[str, tuple[Line, ...]]:
    """One line for all cells that need the same, by cause; largest groups first."""
    cells: defaultdict[tuple[str, Coordinate, str], list[Action]] = defaultdict(list)
    for action in actions:
        if action.server:
            cells[cause(action), action.coordinate, action.server].append(action)
    alike: defaultdict[tuple[str, Coordinate, _Shape], list[str]] = defaultdict(list)
    for (why, coordinate, server), needs in cells.items():
        alike[why, coordinate, _shape(needs)].append(server)
    groups: defaultdict[tuple[str, _Shape, tuple[str, ...]], list[Coordinate]] = defaultdict(list)
    for (why, coordinate, shape), places in alike.items():
        groups[why, shape, tuple(s for s in names.servers if s in places)].append(coordinate)
    found: defaultdict[str, list[Line]] = defaultdict(list)
    order = sorted(groups, key=lambda key: (key[1].mark.rank, -len(groups[key])))
    for why, shape, servers in order:
        wanted = sorted(groups[why, shape, servers], key=names.repository)
        needs_of = {(c, s): cells[why, c, s] for c in wanted for s in servers}
        found[why].append(_line(shape, servers, wanted, needs_of, names))
    return {why: tuple(lines) for why, lines in sorted(found.items())}


def signatures(signs: Iterable[Sign], names: Names) -> Iterator[Line]:
    """Everything that would be signed, by key and by what it brings."""
    groups: defaultdict[tuple[str, str, str], list[Sign]] = defaultdict(list)
    for sign in signs:
        kind = kind_name(sign.draft.kind)
        noun = f"first {kind}" if sign.before is None else kind
        groups[sign.signer, noun, _purpose(sign, names)].append(sign)
    for (signer, noun, purpose), same in groups.items():
        text = f"{plural(len(same), noun)} with the key {safe(signer)}, {purpose}"
        details = tuple(
            f"{names.repository(sign.coordinate)}: {detail}"
            for sign in same
            for detail in _signed(sign)
        )
        who = tuple(sorted(names.repository(sign.coordinate) for sign in same))
        yield Line(Mark.SIGN.symbol, text, details, who)


def _purpose(sign: Sign, names: Names) -> str:
    """What a signature brings: the servers that an announcement adds, where a state comes from."""
    if sign.draft.kind == kinds.STATE:
        return f"from {safe(urls.host(sign.source))}"
    return f"adding {names.listed(sign.adds)}"


def _signed(sign: Sign) -> Iterator[str]:
    """How the signed event will differ from the one before it, value by value."""
    yield f"id {sign.draft.id}" + (f" replaces {sign.before}" if sign.before else "")
    old, new = dict.fromkeys(_values(sign.dropped)), dict.fromkeys(_values(sign.added))
    yield from (f"- {safe(' '.join(tag), _TAG_CHARS)}" for tag in old if tag not in new)
    yield from (f"+ {safe(' '.join(tag), _TAG_CHARS)}" for tag in new if tag not in old)


def _values(tags: Tags) -> Iterator[Tag]:
    for tag in tags:
        if tag[:1] and tag[0] in _LISTS:
            yield from ((tag[0], value) for value in tag[1:])
        else:
            yield tag


def left(plan: Plan, names: Names) -> Iterator[Line]:
    """What servers are given time for, by server."""
    groups: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for one in plan.delegated:
        if plan.created_at < one.until:
            groups[one.server, one.until].append(names.repository(one.coordinate))
            kept[one.server].update(one.keys)
    for (server, until), repositories in groups.items():
        work = Counter(map(_noun, _units(a for a in plan.actions if a.key in kept[server])))
        said = ", ".join(plural(work[noun], noun) for noun in _ORDER if work[noun])
        text = f"{names.server(server)} has until {clock(until)} for {said}"
        yield Line(Mark.SETTLING.symbol, text, names=tuple(sorted(repositories)))


def _line(
    shape: _Shape,
    servers: Sequence[str],
    repositories: Sequence[Coordinate],
    cells: dict[tuple[Coordinate, str], list[Action]],
    names: Names,
) -> Line:
    counts = [Counter(map(_noun, _units(needs))) for needs in cells.values()]
    said = [
        _ranged(noun, [count[noun] for count in counts]) if noun in _COUNTED else noun
        for noun in shape.nouns
    ]
    each = " each" if len(cells) > 1 and set(shape.nouns).intersection(_COUNTED) else ""
    return Line(
        shape.mark.symbol,
        f"{', '.join(map(names.server, servers))}: {', '.join(said)}{each}",
        tuple(_details(repositories, servers, cells, names)),
        tuple(map(names.repository, repositories)),
    )


def _ranged(noun: str, counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return plural(high, noun) if low == high else f"{low} to {plural(high, noun)}"


def _shape(actions: Sequence[Action]) -> _Shape:
    nouns = Counter(map(_noun, _units(actions)))
    updates = [update for action in actions for update in action.changes]
    if any(update.deletes for update in updates):
        mark = Mark.DELETE
    elif any(action.announces for action in actions):
        mark = Mark.NEW
    else:
        new = all(_creates(action) for action in actions)
        mark = Mark.NEW if new else Mark.CHANGE
    return _Shape(mark, tuple(sorted(nouns, key=_ORDER.index)))


def _creates(action: Action) -> bool:
    if isinstance(action, Publish):
        return action.before is None
    return isinstance(action, Push) and all(update.creates for update in action.updates)


_ORDER = ("new announcement", "announcement", "new state", "state", "HEAD", "ref", "event")


def _units(actions: Iterable[Action]) -> Iterator[tuple[Action, int]]:
    """An action once for each thing that it writes."""
    for action in actions:
        count = len(action.updates) if isinstance(action, Push) and action.updates else 1
        yield from ((action, number) for number in range(count))


def _noun(unit: tuple[Action, int]) -> str:
    action = unit[0]
    if isinstance(action, Push):
        return "ref" if action.updates else "HEAD"
    if isinstance(action, Publish) and action.kind in (kinds.ANNOUNCEMENT, kinds.STATE):
        return f"new {kind_name(action.kind)}" if action.signed else kind_name(action.kind)
    return "event"


def _details(
    repositories: Sequence[Coordinate],
    servers: Sequence[str],
    cells: dict[tuple[Coordinate, str], list[Action]],
    names: Names,
) -> Iterator[str]:
    """Every ref and event once a repository, with the servers that need it when not all do."""
    for coordinate in repositories:
        places: defaultdict[str, list[str]] = defaultdict(list)
        for server in servers:
            for action in cells[coordinate, server]:
                for text in _told(action):
                    places[text].append(server)
        prefix = f"{names.repository(coordinate)}: " if len(repositories) > 1 else ""
        for text, where in places.items():
            some = len(where) < len(servers)
            on = f" on {', '.join(map(names.server, where))}" if some else ""
            yield f"{prefix}{text}{on}"


def _told(action: Action) -> Iterator[str]:
    if isinstance(action, Publish):
        yield f"{kind_name(action.kind)} {action.event_id} ({action.why})"
    elif isinstance(action, Push):
        yield from map(describe, action.updates)
        if action.head:
            old, new = safe(action.head.old), safe(action.head.new)
            yield f"~ HEAD  {old} → {new}, by an empty push"
