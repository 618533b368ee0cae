"""What the operator's own entries meet: holds that are accepted as normal; and rules, accepted
holds and `--limit` globs that fit nothing. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import Selection
from reconciler.model.desired import AcceptedHold, Desired, Server
from reconciler.model.plan import Entry, Hold, HoldReason, Unmatched, Verdict
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan.cell import CellPlan

_NEAR = 3


def paused(cell: CellPlan, server: Server, *, now: int) -> CellPlan:
    """The cell as it may be: nothing is written to a server that the operator paused. That is a
    decision with a date, so it is accepted as it stands."""
    if server.pause is None or not server.paused(now) or not cell.actions:
        return cell
    reason, coordinate = HoldReason.PAUSED, cell.verdict.coordinate
    release = "its day is over, or `paused` is taken out of the desired state"
    hold = Hold(
        coordinate=coordinate,
        server=server.url,
        reason=reason,
        detail=server.pause.reason,
        release=release,
        accepted=True,
    )
    verdict = replace(cell.verdict, verdict=Verdict.HELD, detail=str(reason))
    return CellPlan(verdict, (), (*cell.holds, hold))


def accepted(
    holds: Iterable[Hold], desired: Desired, selection: Selection, *, now: int
) -> tuple[Hold, ...]:
    """The holds, marked where the desired state takes them as normal; `now` in seconds since 1970:
    an entry whose day is over accepts nothing any more."""
    valid = [entry for entry in desired.policies.holds if now < entry.until]
    return tuple(
        replace(
            hold,
            accepted=hold.accepted
            or any(_covers(entry, hold, selection, desired) for entry in valid),
        )
        for hold in holds
    )


def unmatched(
    desired: Desired,
    known: Knowledge,
    selection: Selection,
    holds: Sequence[Hold],
    fresh: Sequence[Coordinate] = (),
) -> tuple[Unmatched, ...]:
    """Entries that fit nothing which was found.

    Rules and limits are held against every announced repository of the npubs, and those that are to
    be announced (`fresh`), so that neither
    `--limit` nor `--shard` makes them look wrong; accepted holds can be judged in whole runs only.
    """
    owners = dict(selection.owners)
    ours = [c for c in (*known.announcements, *fresh) if c.owner in owners]
    names = sorted(selection.name(coordinate) for coordinate in ours)
    found = [
        Unmatched(Entry.RULE, rule.pattern, _near(rule.pattern, names))
        for rule in desired.rules
        if not any(rule.fits(name) for name in names)
    ]
    texts = [*names, *(coordinate.identifier for coordinate in ours)]
    found += [
        Unmatched(Entry.LIMIT, glob, _near(glob, names))
        for glob in selection.limit
        if not any(fnmatchcase(text, glob) for text in texts)
    ]
    if not selection.limit and selection.shard == (1, 1):
        found += [
            Unmatched(Entry.HOLD, f"{entry.reason} at {entry.where}")
            for entry in desired.policies.holds
            if not any(_covers(entry, hold, selection, desired) for hold in holds)
        ]
    return tuple(found)


def _covers(entry: AcceptedHold, hold: Hold, selection: Selection, desired: Desired) -> bool:
    server = {urls.host(hold.server), desired.called(hold.server)} if hold.server else ()
    return entry.covers(hold.reason, selection.name(hold.coordinate), server)


def _near(word: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(word, names, _NEAR))
