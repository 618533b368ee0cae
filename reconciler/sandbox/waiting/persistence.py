"""What waits, across a stop: purgatory, and errands that are not done yet.

Most families write one JSON file at a clean stop, which the next start reads and removes: a kill
loses what waits, as a crash of the real ones does, and downtime is added to every expiry time.
A durable family has a journal instead, which is never behind; its times are taken as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from reconciler.errors import PeerFault
from reconciler.nostr.strictjson import Json, dumps, loads
from reconciler.sandbox.limits import JOURNAL_DEPTH
from reconciler.sandbox.repos import Repos
from reconciler.sandbox.waiting.agenda import ERRANDS, Agenda, Errand
from reconciler.sandbox.waiting.journal import Journal, kept
from reconciler.sandbox.waiting.parked import (
    ANNOUNCEMENTS,
    PULLS,
    STATES,
    Everything,
    ParkedAnnouncement,
    ParkedPull,
    ParkedState,
    ReadState,
)
from reconciler.sandbox.waiting.purgatory import Purgatory

E = TypeVar("E")

_SHELVES = (ANNOUNCEMENTS, STATES, PULLS, ERRANDS)


class Ledger:
    """The purgatory and the agenda of one server, as its folder brings them back."""

    def __init__(
        self,
        directory: Path,
        repos: Repos,
        clock: Callable[[], float],
        parked: Callable[[str], None],
        *,
        read_state: ReadState,
        durable: bool,
    ) -> None:
        """`parked` is told the identifier of everything that begins to wait; `read_state` reads
        what waited before."""
        self._clock = clock
        self._read_state = read_state
        self._file = directory / "purgatory.json"
        self._journal = Journal(directory / "purgatory.sqlite") if durable else None
        self.agenda = Agenda(clock, self._journal)
        shelves = kept(clock, self._journal) if self._journal else None
        self.purgatory = Purgatory(clock, parked, new_shelf=shelves)
        self._load(repos)

    def close(self, *, clean: bool) -> None:
        """Write down what a clean stop keeps, and end."""
        if self._journal:
            self._journal.close()
        elif clean:
            self._save()

    def _save(self) -> None:
        held = self.purgatory.everything()
        document = {
            "saved_at": self._clock(),
            ANNOUNCEMENTS: [e.to_json() for e in held.announcements],
            STATES: [e.to_json() for e in held.states],
            PULLS: [e.to_json() for e in held.pulls],
            ERRANDS: [e.to_json() for e in self.agenda.all()],
        }
        self._file.write_text(dumps(document), encoding="utf-8")

    def _load(self, repos: Repos) -> None:
        """Take back what was kept. Announcements whose bare repository has vanished are skipped,
        soft-expired ones apart. A damaged file counts as none, a damaged entry costs itself."""
        try:
            document = self._document()
            saved_at = document["saved_at"]
            downtime = 0.0 if saved_at is None else max(0.0, self._clock() - saved_at)
        except (PeerFault, KeyError, TypeError):
            document, downtime = {}, 0.0
        self.purgatory.restore(self._everything(document, downtime, repos))
        self.agenda.restore(_readable(document.get(ERRANDS), Errand.from_json))

    def _everything(
        self, document: Mapping[str, Json], downtime: float, repos: Repos
    ) -> Everything:
        def state(raw: Json) -> ParkedState:
            return ParkedState.from_json(raw, downtime, self._read_state)

        def pull(raw: Json) -> ParkedPull:
            return ParkedPull.from_json(raw, downtime)

        def announcement(raw: Json) -> ParkedAnnouncement:
            return ParkedAnnouncement.from_json(raw, downtime)

        announcements = _readable(document.get(ANNOUNCEMENTS), announcement)
        return Everything(
            tuple(e for e in announcements if e.soft or repos.exists(e.announcement.coordinate)),
            _readable(document.get(STATES), state),
            _readable(document.get(PULLS), pull),
        )

    def _document(self) -> Mapping[str, Json]:
        """Raises PeerFault: there is none, or it is no JSON."""
        if self._journal:
            shelves = {name: self._journal.entries(name) for name in _SHELVES}
            return {"saved_at": None, **shelves}
        if not self._file.is_file():
            raise PeerFault("nothing was kept")
        text = self._file.read_bytes()
        self._file.unlink()
        return _mapping(loads(text, depth=JOURNAL_DEPTH, floats=True))


def _mapping(raw: Json) -> Mapping[str, Json]:
    if not isinstance(raw, dict):
        raise PeerFault("the file of purgatory is not an object")
    return raw


def _readable(raws: Json, read: Callable[[Json], E]) -> tuple[E, ...]:
    """The entries that are whole."""
    found = []
    for raw in raws if isinstance(raws, list) else ():
        with suppress(PeerFault, KeyError, TypeError):
            found.append(read(raw))
    return tuple(found)
