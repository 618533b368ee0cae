"""What the rounds of a look ask for, from what is known so far. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.facts.authority import invited
from reconciler.facts.knowledge import Knowledge
from reconciler.limits import REQ_TAG_VALUES
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import Coordinate


def announcement_filters(
    authors: Sequence[str], only: Iterable[Coordinate] | None = None
) -> list[Filter]:
    """Announcements of these authors and what deletes them; `only` of these repositories, whose
    deletions are found by the address that they name."""
    if only is None:
        return [Filter(kinds=(kinds.ANNOUNCEMENT, kinds.DELETION), authors=tuple(authors))]
    names = sorted({coordinate.identifier for coordinate in only})
    return [
        Filter(kinds=(kinds.ANNOUNCEMENT,), authors=tuple(authors), tags=(("d", batch),))
        for batch in batches(names)
    ]


def tree(known: Knowledge, coordinates: Sequence[Coordinate]) -> set[str]:
    """Ids of everything that hangs from the repositories, announcements and states included."""
    names: set[str] = set()
    for coordinate in coordinates:
        names |= {event.id for event in known.related(coordinate)}
        names |= {
            i for i in known.children.get(str(coordinate), ()) if known.events[i].kind > 30_000
        }
    return names


def people_of(coordinates: Sequence[Coordinate], known: Knowledge) -> set[str]:
    """Everybody who may speak for one of the repositories, or is invited to."""
    return {
        person
        for coordinate in coordinates
        for person in (coordinate.owner, *invited(coordinate, known.announcements))
    }


def authority_filters(coordinates: Sequence[Coordinate], people: set[str]) -> list[Filter]:
    """States and announcements of these people, in questions of a size that relays accept."""
    wanted = (kinds.ANNOUNCEMENT, kinds.STATE)
    return [
        Filter(kinds=wanted, authors=authors, tags=(("d", batch),))
        for batch in batches(sorted({c.identifier for c in coordinates}))
        for authors in batches(sorted(people))
    ]


def tag_filters(letters: str, values: Iterable[str]) -> list[Filter]:
    """Events that name one of these values in a tag of one of these letters (NIP-01)."""
    return [
        Filter(tags=((letter, batch),)) for batch in batches(list(values)) for letter in letters
    ]


def batches(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Values in the numbers that relays accept in one filter (GRASP-02)."""
    return [
        tuple(values[start : start + REQ_TAG_VALUES])
        for start in range(0, len(values), REQ_TAG_VALUES)
    ]
