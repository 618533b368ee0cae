"""What is wanted of one relay, as a value: three sets, and set arithmetic on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from reconciler.limits import REQ_TAG_VALUES
from reconciler.nostr import kinds
from reconciler.nostr.filters import Filter


@dataclass(frozen=True, slots=True)
class Needs:
    """`identifiers`: whose states (30618) are wanted. `repositories`: addresses (`30617:…`) whose
    events are wanted; `roots`: ids of issues, patches and pull requests whose answers are."""

    identifiers: frozenset[str] = frozenset()
    repositories: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.identifiers or self.repositories or self.roots)

    def __len__(self) -> int:
        return len(self.identifiers) + len(self.repositories) + len(self.roots)

    def __sub__(self, other: Needs) -> Needs:
        return Needs(
            self.identifiers - other.identifiers,
            self.repositories - other.repositories,
            self.roots - other.roots,
        )

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.identifiers | other.identifiers,
            self.repositories | other.repositories,
            self.roots | other.roots,
        )

    def __and__(self, other: Needs) -> Needs:
        return Needs(
            self.identifiers & other.identifiers,
            self.repositories & other.repositories,
            self.roots & other.roots,
        )

    def batches(self) -> Iterator[Needs]:
        """The same in parts of at most 100 of each (GRASP-02), layer 2 before layer 3."""
        identifiers, repositories = iter(sorted(self.identifiers)), iter(sorted(self.repositories))
        while part := Needs(_some(identifiers), _some(repositories)):
            yield part
        roots = iter(sorted(self.roots))
        while part := Needs(roots=_some(roots)):
            yield part


def announcements() -> tuple[Filter, ...]:
    """Layer 1: every announcement and GRASP list; admission chooses."""
    return (Filter(kinds=(kinds.ANNOUNCEMENT, kinds.GRASP_LIST)),)


def questions(needs: Needs) -> tuple[Filter, ...]:
    """Layers 2 and 3 for one batch: states by `d`, tags of repositories, tags of roots."""
    found = []
    if needs.identifiers:
        values = tuple(sorted(needs.identifiers))
        found.append(Filter(kinds=(kinds.STATE,), tags=(("d", values),)))
    for names, wanted in (("aAq", needs.repositories), ("eEq", needs.roots)):
        if wanted:
            values = tuple(sorted(wanted))
            found += [Filter(tags=((name, values),)) for name in names]
    return tuple(found)


def _some(values: Iterator[str]) -> frozenset[str]:
    return frozenset(islice(values, REQ_TAG_VALUES))
