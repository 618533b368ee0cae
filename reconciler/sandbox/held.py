"""The repositories of one identifier, as long as its lock is held.

Nobody else writes them in that time, so that refs are read once, and an object that was found is
not looked for again: a git child costs more than all the rest of a push.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO

from reconciler.git import receive_pack
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.repos import Repos


class HeldRepos:
    """What flows may ask of repositories, and do to them. Throw it away with the lock."""

    def __init__(self, repos: Repos) -> None:
        self._repos = repos
        self._refs: dict[Coordinate, dict[str, str]] = {}
        self._present: dict[Coordinate, set[str]] = {}

    def exists(self, coordinate: Coordinate) -> bool:
        """Is there a bare repository?"""
        return self._repos.exists(coordinate)

    def existing(self, coordinates: Iterable[Coordinate]) -> tuple[Coordinate, ...]:
        """Those that have a bare repository."""
        return self._repos.existing(coordinates)

    def refs(self, coordinate: Coordinate) -> Mapping[str, str]:
        """As `Repos.refs`."""
        if coordinate not in self._refs:
            self._refs[coordinate] = self._repos.refs(coordinate)
        return self._refs[coordinate]

    def missing(self, coordinate: Coordinate, oids: Iterable[str]) -> frozenset[str]:
        """As `Repos.missing`."""
        present = self._present.setdefault(coordinate, set())
        asked = frozenset(oids) - present
        absent = self._repos.missing(coordinate, asked)
        present |= asked - absent
        return absent

    def receive(
        self, coordinate: Coordinate, updates: tuple[RefUpdate, ...], body: IO[bytes]
    ) -> tuple[bytes, tuple[RefUpdate, ...]]:
        """Let `git receive-pack` carry out a request. Its answer, and the commands that it carried
        out: all of them when no report was asked for.

        Raises:
            PeerFault: git failed.
        """
        body.seek(0)
        path = str(self._repos.path(coordinate))
        answer = self._repos.git(coordinate, "receive-pack", "--stateless-rpc", path, stdin=body)
        report = receive_pack.parse_report(answer)
        if report.unpack is None:
            self._refs.pop(coordinate, None)
            return answer, updates
        accepted = tuple(u for u in updates if u.name in report.accepted)
        self._pushed(coordinate, accepted)
        return answer, accepted

    def copy(self, source: Coordinate, target: Coordinate, oids: frozenset[str]) -> None:
        """As `Repos.copy`. Raises GitFailed."""
        self._repos.copy(source, target, oids)
        self._present.setdefault(target, set()).update(oids)

    def update(self, coordinate: Coordinate, changes: dict[str, str | None]) -> None:
        """As `Repos.update`."""
        if changes:
            self._repos.update(coordinate, changes)
            self._refs.pop(coordinate, None)  # git may have refused some

    def set_head(self, coordinate: Coordinate, branch: str) -> None:
        """Let HEAD name this branch (full ref name)."""
        if self._repos.head(coordinate) != branch:
            self._repos.set_head(coordinate, branch)

    def _pushed(self, coordinate: Coordinate, accepted: Iterable[RefUpdate]) -> None:
        """git reports that it has carried these out: their objects are here, their refs so."""
        refs = self._refs.get(coordinate, {})
        for update in accepted:
            refs.pop(update.name, None)
            if not update.deletes:
                self._present.setdefault(coordinate, set()).add(update.new)
                refs[update.name] = update.new
