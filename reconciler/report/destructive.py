"""What a plan takes away, one by one: refs that go, and forced updates with the commits that go by
them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from reconciler.model.actions import Action
from reconciler.model.plan import Forced
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.lines import Line
from reconciler.report.marks import Mark
from reconciler.report.names import Names
from reconciler.report.safe import safe
from reconciler.report.words import plural

_NAMED = 5
"""How many dropped commits one line names."""


def deletions(actions: Iterable[Action], names: Names) -> Iterator[Line]:
    """Each ref that goes, once, with the servers that it goes from."""
    groups: defaultdict[tuple[Coordinate, str, str, bool], list[str]] = defaultdict(list)
    for action in actions:
        for update in action.changes:
            if update.deletes and action.server:
                alone = action.sends is not None
                key = (action.coordinate, update.name, update.old, alone)
                groups[key].append(action.server)
    for key in sorted(groups, key=lambda key: (names.repository(key[0]), key)):
        coordinate, name, old, alone = key
        what = f"{names.repository(coordinate)}: delete {safe(name)} (was {old[:10]})"
        how = ", by the server itself" if alone else ""
        yield Line(Mark.DELETE.symbol, f"{what} on {names.listed(groups[key])}{how}")


def forced(updates: Iterable[Forced], names: Names) -> Iterator[Line]:
    """Each ref that moves to where its commits do not lead, once; the dropped commits below it."""
    groups: defaultdict[tuple[Coordinate, str, str], list[Forced]] = defaultdict(list)
    for one in updates:
        groups[one.coordinate, one.name, one.new].append(one)
    for (coordinate, name, new), same in groups.items():
        what = f"{names.repository(coordinate)}: forced update of {safe(name)} to {new[:10]}"
        text = f"{what} on {', '.join(_places(same, names))}"
        yield Line(Mark.DELETE.symbol, text, tuple(_dropped(same)))


def _places(same: Sequence[Forced], names: Names) -> Iterator[str]:
    """`beta, gamma (from 1111111111, drops 1 commit)`."""
    groups: defaultdict[tuple[str, int | None], list[str]] = defaultdict(list)
    for one in same:
        groups[one.old, one.count].append(one.server)
    for (old, count), servers in groups.items():
        drops = "may drop commits" if count is None else f"drops {plural(count, 'commit')}"
        yield f"{names.listed(servers)} (from {old[:10]}, {drops})"


def _dropped(same: Sequence[Forced]) -> Iterator[str]:
    for found in dict.fromkeys((one.dropped, one.count or 0) for one in same):
        commits, count = found
        shown = commits[:_NAMED]
        yield from (f"{commit.oid[:10]} {safe(commit.subject)}" for commit in shown)
        if count > len(shown):
            yield f"and {count - len(shown)} more"
