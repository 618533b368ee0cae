"""Smart HTTP with the git side of GRASP servers: listings and conditional pushes.

gitprotocol-http, protocol v0; fetching is left to the `git` program (`edge.archive`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.edge.archive import Archive
from reconciler.edge.clock import Clock
from reconciler.edge.http import Forbidden, Http
from reconciler.errors import PeerFault
from reconciler.git import advertisement, receive_pack
from reconciler.git.advertisement import RECEIVE, UPLOAD, Advertisement
from reconciler.git.receive_pack import RefUpdate
from reconciler.limits import (
    ADVERT_BYTES,
    PEER_TEXT_CHARS,
    PUSH_READ_SECONDS,
    READ_SECONDS,
    REPORT_BYTES,
    SETTLE_SECONDS,
)
from reconciler.model.observed import Absent, Cause, Listing, Unknown
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.backoff import Backoff
from reconciler.world import Failure, Pushed, Stale

_OPENING_SECONDS = 1.5
"""How long a 403 is waited out there; it mostly says no for good."""
_APPEARING = Backoff(first=0.1, most=1.0)
"""Between two looks for a repository that a server is about to make."""

Address = Callable[[str, Coordinate], str]
"""The URL of a repository on a server; of one on its source, that source's own."""


def grasp(server: str, coordinate: Coordinate) -> str:
    """On a GRASP server (GRASP-01)."""
    return urls.clone(server, coordinate.owner, coordinate.identifier)


class SmartHttp:
    """The git side of every server; packs come from the archive."""

    def __init__(
        self, http: Http, archive: Archive, clock: Clock, address: Address = grasp
    ) -> None:
        """Args: HTTP, where packs come from, the clock, and where a repository is."""
        self._clock = clock
        self._http = http
        self._archive = archive
        self._address = address

    def refs(self, server: str, coordinate: Coordinate) -> Listing | Absent:
        """One GET of info/refs. Raises Failure."""
        found = self._advertised(server, coordinate, UPLOAD)
        return Listing(found.refs, found.head, found.peeled) if found else Absent()

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Pushed:
        """One conditional push (`world.World.push`). Raises Failure, Stale."""
        advert = self._wait_for_repository(server, coordinate)
        left = _still_needed(updates, dict(advert.refs))
        if updates and not left:
            return Pushed(sent=False)
        return self._send(server, coordinate, left, self._request(coordinate, left, advert))

    def _send(
        self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...], body: _Body
    ) -> Pushed:
        """One receive-pack request. A bad answer proves as little as a good one: a proxy's 504, a
        lost race for a lock and khatru's text behind the report may all come after the work is
        done, so the server is listed again before the push counts as failed. Raises Failure.
        """
        url = f"{self._address(server, coordinate)}/{RECEIVE}"
        try:
            answer = self._http.post(
                url, body, kind=RECEIVE, limit=REPORT_BYTES, seconds=PUSH_READ_SECONDS
            )
            report = receive_pack.parse_report(answer)
        except Failure:
            if self._arrived(server, coordinate, updates):
                return Pushed(sent=True, words="done, although the answer was a failure")
            raise
        except PeerFault as error:
            if self._arrived(server, coordinate, updates):
                return Pushed(sent=True, words=str(error))
            raise Failure(Unknown(Cause.PROTOCOL, str(error))) from None
        unpacked = report.unpack in ("ok", None)
        if unpacked and not report.refused:
            return Pushed(sent=True, words=report.chatter[:PEER_TEXT_CHARS])
        if self._arrived(server, coordinate, updates):
            words = report.refused[0][1] if report.refused else report.unpack or ""
            return Pushed(sent=True, words=words)
        if not unpacked:
            raise Failure(Unknown(Cause.PROTOCOL, f"unpack: {report.unpack}"))
        return Pushed(sent=True, refused=report.refused)

    def _arrived(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> bool:
        """Does the server show every update?"""
        try:
            now = dict(self._receiving(server, coordinate).refs)
        except Failure:
            return False
        return all(now.get(update.name, advertisement.ZERO) == update.new for update in updates)

    def _advertised(
        self, server: str, coordinate: Coordinate, service: str
    ) -> Advertisement | None:
        """A parsed advertisement; None when the server answers 404."""
        url = self._address(server, coordinate)
        try:
            kind, body = self._http.get(
                f"{url}/info/refs?service={service}",
                accept="*/*",
                limit=ADVERT_BYTES,
                seconds=READ_SECONDS,
            )
        except Failure as failure:
            if failure.unknown.cause is Cause.NOT_FOUND:
                return None
            raise
        if kind.partition(";")[0].strip() != f"application/x-{service}-advertisement":
            detail = "info/refs is no smart-HTTP advertisement"
            raise Failure(Unknown(Cause.PROTOCOL, detail))
        try:
            return advertisement.parse(body, service)
        except PeerFault as error:
            raise Failure(Unknown(Cause.PROTOCOL, str(error))) from None

    def _wait_for_repository(self, server: str, coordinate: Coordinate) -> Advertisement:
        """ngit-relay makes the repository a moment after it accepts the announcement
        (docs/protocol.md §1.3), and lets nobody push there for another one."""
        start = self._clock.now()
        asked = 0
        while True:
            try:
                return self._receiving(server, coordinate)
            except Failure as failure:
                absent = failure.unknown.cause is Cause.NOT_FOUND
                shut = _OPENING_SECONDS if isinstance(failure, Forbidden) else 0.0
                if self._clock.now() - start >= (SETTLE_SECONDS if absent else shut):
                    raise
            asked += 1
            self._clock.until(self._clock.now() + _APPEARING.delay(asked))

    def _receiving(self, server: str, coordinate: Coordinate) -> Advertisement:
        advert = self._advertised(server, coordinate, RECEIVE)
        if advert is None:
            raise Failure(Unknown(Cause.NOT_FOUND, "no such repository"))
        return advert

    def _request(
        self, coordinate: Coordinate, updates: tuple[RefUpdate, ...], advert: Advertisement
    ) -> _Body:
        head = receive_pack.request_head(updates, advert.capabilities)
        wants = frozenset(update.new for update in updates if not update.deletes)
        if not wants:
            return _Body(head, None)
        haves = frozenset(oid for _, oid in advert.refs)
        return _Body(head, self._archive.pack(coordinate, wants, haves))


class _Body:
    """Commands, then a pack from a file; its length is known, so proxies need no chunking."""

    def __init__(self, head: bytes, pack: Path | None) -> None:
        self._head = head
        self._pack = pack

    def __len__(self) -> int:
        return len(self._head) + (self._pack.stat().st_size if self._pack else 0)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        if self._pack:
            with self._pack.open("rb") as file:
                while chunk := file.read(256 * 1024):
                    yield chunk


def _still_needed(updates: tuple[RefUpdate, ...], refs: dict[str, str]) -> tuple[RefUpdate, ...]:
    """Compare and swap: each ref must be at `old`; one that is at `new` already is left out.

    Raises:
        Stale: a ref is at neither; the message names it, with what was expected and found.
    """
    left = []
    for update in updates:
        now = refs.get(update.name, advertisement.ZERO)
        if now == update.new:
            continue
        if now != update.old:
            raise Stale(f"{update.name}: expected {update.old[:12]}, found {now[:12]}")
        left.append(update)
    return tuple(left)
