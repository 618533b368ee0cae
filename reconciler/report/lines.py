"""The changes of a plan: equal ones on one line, equal repositories in one section. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Action, Publish, Push, Sign, Wave
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Tag, Tags
from reconciler.report.safe import safe
from reconciler.report.words import counted, deed, describe, kind_name, on, plural

_ADDRESSED = (kinds.ANNOUNCEMENT, kinds.STATE)
_LISTS = ("clone", "relays", "web", "maintainers")
"""Tags of which each value is a thing of its own (NIP-34)."""
_TAG_CHARS = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to know: `symbol` is + (new), ~ (changed), - (removed), s (signed), ! (held),
    ? (unknown), x (failed).

    `names` are the repositories that it concerns, where they do not stand in `text`: a renderer
    shows as many as fit and counts the rest. `details` are for those who ask for everything.
    """

    symbol: str
    text: str
    details: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """The changes of one repository, or of several (`names`) that need the very same."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]


def lines(actions: Sequence[Action], places: int) -> Iterable[Line]:
    """What one repository needs; `places` is on how many servers it belongs."""
    for renderer in _RENDERERS:
        yield from renderer(actions, places)


def _signatures(actions: Sequence[Action], _: int) -> Iterable[Line]:
    for action in actions:
        if isinstance(action, Sign):
            text = f"{deed(action)} (key {safe(action.signer)}), {what_for(action)}"
            ids = [f"id {action.draft.id}"]
            ids += [f"replaces {action.before}"] if action.before else []
            yield Line("s", text, (*ids, *_changed(action)))


def what_for(sign: Sign) -> str:
    """What a signature brings: the servers that an announcement adds, where a state comes from."""
    if sign.draft.kind == kinds.STATE:
        return f"from {safe(urls.host(sign.source))}"
    return f"adding {', '.join(map(urls.host, sign.adds))}"


def _changed(sign: Sign) -> Iterable[str]:
    """How the signed event will differ from the one before it, value by value."""
    old, new = dict.fromkeys(_values(sign.dropped)), dict.fromkeys(_values(sign.added))
    yield from (f"- {safe(' '.join(tag), _TAG_CHARS)}" for tag in old if tag not in new)
    yield from (f"+ {safe(' '.join(tag), _TAG_CHARS)}" for tag in new if tag not in old)


def _values(tags: Tags) -> Iterable[Tag]:
    for tag in tags:
        if tag[:1] and tag[0] in _LISTS:
            yield from ((tag[0], value) for value in tag[1:])
        else:
            yield tag


def _events(actions: Sequence[Action], _: int) -> Iterable[Line]:
    """Announcement and state by server; other events as counts by kind."""
    events = [action for action in actions if isinstance(action, Publish)]
    groups: defaultdict[tuple[int, str, str, bool], list[Publish]] = defaultdict(list)
    for action in events:
        if action.kind in _ADDRESSED:
            symbol = "~" if action.before else "+"
            groups[action.kind, symbol, action.event_id, action.signed].append(action)
    for (kind, symbol, event_id, signed), same in groups.items():
        what = f"new {kind_name(kind)}" if signed else kind_name(kind)
        text = f"{what} {on([urls.host(a.server) for a in same])}"
        yield Line(symbol, text, (f"event {event_id}",))
    yield from _other_events([event for event in events if event.kind not in _ADDRESSED])


def _other_events(actions: Sequence[Publish]) -> Iterable[Line]:
    by_server: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for action in actions:
        by_server[urls.host(action.server)].add((action.event_id, action.kind))
    sets: defaultdict[frozenset[tuple[str, int]], list[str]] = defaultdict(list)
    for host, found in by_server.items():
        sets[frozenset(found)].append(host)
    for events, hosts in sets.items():
        details = tuple(f"{kind_name(kind)} {i}" for i, kind in sorted(events))
        yield Line("+", f"{counted(kind for _, kind in events)} {on(hosts)}", details)


def _pushes(actions: Sequence[Action], places: int) -> Iterable[Line]:
    pushes = [action for action in actions if isinstance(action, Push)]
    groups: defaultdict[tuple[tuple[RefUpdate, ...], int], list[str]] = defaultdict(list)
    for push in pushes:
        if push.updates:
            groups[push.updates, push.wave].append(urls.host(push.server))
        if push.head:
            text = f"move HEAD to {safe(push.head.new)} {on([urls.host(push.server)])}"
            yield Line("~", text, (f"from {safe(push.head.old)}, by an empty push",))
    for (updates, wave), hosts in groups.items():
        what = plural(len(updates), "pull ref" if wave == Wave.PULLS else "ref")
        same = f", the same on {len(hosts)} of {places} servers:" if len(hosts) > 1 else ""
        where = on(hosts).removeprefix("on ") if same else on(hosts)
        symbol = "+" if all(u.creates for u in updates) else "~"
        yield Line(symbol, f"push {what}{same} {where}", tuple(map(describe, updates)))


_RENDERERS = (_signatures, _events, _pushes)
"""In this order; each shows its own kind of action."""


def merged(sections: Iterable[Section]) -> Iterable[Section]:
    """Repositories that need the very same lines stand under one title."""
    groups: defaultdict[tuple[tuple[str, str], ...], list[Section]] = defaultdict(list)
    for section in sections:
        groups[tuple((line.symbol, line.text) for line in section.lines)].append(section)
    for same in groups.values():
        names = tuple(name for section in same for name in section.names)
        yield Section(names, tuple(_joined(same)) if len(same) > 1 else same[0].lines)


def _joined(same: Sequence[Section]) -> Iterable[Line]:
    for number, line in enumerate(same[0].lines):
        details = tuple(
            f"{', '.join(section.names)}: {detail}"
            for section in same
            for detail in section.lines[number].details
        )
        yield Line(line.symbol, line.text, details)
