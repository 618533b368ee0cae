"""Which repositories a run is about: the npubs' choices, `--limit` and `--shard`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.facts.knowledge import Knowledge
from reconciler.model.desired import Desired
from reconciler.nostr.nip34 import Coordinate


@dataclass(frozen=True, slots=True)
class Selection:
    """`limit` globs match `name/identifier` or the identifier; `shard` is (number from 1, count).

    Shards are a rendezvous hash of the coordinate: disjoint, complete, and a repository moves only
    when its own shard goes away. `only` these repositories are meant; None: all.
    """

    owners: tuple[tuple[str, str], ...]
    limit: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)
    only: frozenset[Coordinate] | None = None

    def of(self, desired: Desired, known: Knowledge) -> tuple[Coordinate, ...]:
        """The announced repositories that are wanted, in stable order."""
        return tuple(
            coordinate
            for coordinate in self.known(known)
            if (npub := desired.npub(coordinate.owner)) and npub.wants(coordinate.identifier)
        )

    def known(self, known: Knowledge) -> tuple[Coordinate, ...]:
        """Announced repositories of the owners, within limit and shard."""
        return tuple(sorted(self.taken(known.announcements)))

    def name(self, coordinate: Coordinate) -> str:
        """How people call it: the owner's name in the desired state, a slash, the identifier."""
        owner = dict(self.owners).get(coordinate.owner, coordinate.owner[:12])
        return f"{owner}/{coordinate.identifier}"

    def taken(self, coordinates: Iterable[Coordinate]) -> Iterable[Coordinate]:
        """Those of some coordinates that are the owners', within limit and shard."""
        owners = dict(self.owners)
        for coordinate in coordinates:
            if coordinate.owner in owners and self._within(coordinate):
                yield coordinate

    def _within(self, coordinate: Coordinate) -> bool:
        if self.only is not None and coordinate not in self.only:
            return False
        names = (self.name(coordinate), coordinate.identifier)
        if self.limit and not any(fnmatchcase(n, glob) for n in names for glob in self.limit):
            return False
        number, count = self.shard
        return ranked(str(coordinate), tuple(map(str, range(1, count + 1))))[0] == str(number)


def select(
    desired: Desired, limit: Sequence[str] = (), shard: tuple[int, int] = (1, 1)
) -> Selection:
    """The selection of one run."""
    owners = tuple((npub.pubkey, npub.name) for npub in desired.npubs)
    return Selection(owners, tuple(limit), shard)


def ranked(key: str, places: Sequence[str]) -> tuple[str, ...]:
    """Places in rendezvous (highest random weight) order for a key."""

    def weight(place: str) -> bytes:
        return hashlib.sha256(f"{place}\0{key}".encode()).digest()

    return tuple(sorted(places, key=weight, reverse=True))
