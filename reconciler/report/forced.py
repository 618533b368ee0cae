"""Forced updates as a person reads them: which commits go, and of which that is not known. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from reconciler.model.observed import Commit
from reconciler.model.plan import Forced
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.lines import Line
from reconciler.report.safe import safe
from reconciler.report.words import on, plural

_NAMED = 5
"""How many dropped commits one line names."""


def forced(updates: Iterable[Forced], names: Mapping[Coordinate, str]) -> Iterable[Line]:
    """Equal ones of several servers on one line, the dropped commits below it."""
    groups: defaultdict[tuple[str, str, str, str, int | None, tuple[Commit, ...]], list[str]]
    groups = defaultdict(list)
    for one in updates:
        name = names.get(one.coordinate, safe(one.coordinate.identifier))
        key = (name, one.name, one.old, one.new, one.count, one.dropped)
        groups[key].append(urls.host(one.server))
    for (name, ref, old, new, count, dropped), hosts in groups.items():
        drops = "may drop commits" if count is None else f"drops {plural(count, 'commit')}"
        text = (
            f"{name}: forced update of {safe(ref)}, {drops} ({old[:10]} → {new[:10]}) {on(hosts)}"
        )
        details = [f"{commit.oid[:10]} {safe(commit.subject)}" for commit in dropped[:_NAMED]]
        if count is None:
            details = ["both ends could not be had here, so it is not known whether any go"]
        elif count > len(details):
            details.append(f"and {count - len(details)} more")
        yield Line("!", text, tuple(details))
