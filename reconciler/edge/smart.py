"""Smart HTTP with the git side of GRASP servers: listings and conditional pushes.

gitprotocol-http, protocol v0; fetches are `edge.fetch`'s business.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.edge.advertised import Advertised
from reconciler.edge.archive import Archive
from reconciler.edge.clock import Clock
from reconciler.edge.connections import Body
from reconciler.edge.http import Http
from reconciler.errors import PeerFault
from reconciler.git import advertisement, receive_pack
from reconciler.git.advertisement import RECEIVE, UPLOAD, Advertisement
from reconciler.git.receive_pack import RefUpdate
from reconciler.limits import (
    PEER_TEXT_CHARS,
    PUSH_READ_SECONDS,
    REPORT_BYTES,
    SETTLE_SECONDS,
)
from reconciler.model.observed import Absent, Cause, Listing, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.pacing.backoff import Backoff
from reconciler.world import Failure, Pushed, Stale

_APPEARING = Backoff(first=0.1, most=1.0)
"""Between two looks for a repository that a server is about to make."""


class SmartHttp:
    """The git side of every server; packs come from the archive."""

    def __init__(self, http: Http, advertised: Advertised, archive: Archive, clock: Clock) -> None:
        """Args: the connections, what servers advertise, where packs come from, and the clock."""
        self._clock = clock
        self._http = http
        self._advertised = advertised
        self._archive = archive

    def refs(self, server: str, coordinate: Coordinate) -> Listing | Absent:
        """One GET of info/refs. Raises Failure."""
        found = self._advertised.ask(server, coordinate, UPLOAD)
        return Listing(found.refs, found.head, found.peeled) if found else Absent()

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Pushed:
        """One conditional push (`world.World.push`). Raises Failure, Stale."""
        advert = self._wait_for_repository(server, coordinate)
        left = _still_needed(updates, dict(advert.refs))
        if updates and not left:
            return Pushed(sent=False)
        with self._body(coordinate, left, advert) as body:
            return self._send(server, coordinate, left, body)

    def _send(
        self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...], body: Body
    ) -> Pushed:
        """One receive-pack request. A bad answer proves as little as a good one: a proxy's 504, a
        lost race for a lock and khatru's text behind the report may all come after the work is
        done, so the server is listed again before the push counts as failed. Raises Failure.
        """
        url = f"{self._advertised.address(server, coordinate)}/{RECEIVE}"
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

    def _wait_for_repository(self, server: str, coordinate: Coordinate) -> Advertisement:
        """ngit-relay makes the repository a moment after it accepts the announcement
        (docs/protocol.md §1.3)."""
        end = self._clock.now() + SETTLE_SECONDS
        asked = 0
        while True:
            try:
                return self._receiving(server, coordinate)
            except Failure as failure:
                if failure.unknown.cause is not Cause.NOT_FOUND or self._clock.now() > end:
                    raise
            asked += 1
            self._clock.until(self._clock.now() + _APPEARING.delay(asked))

    def _receiving(self, server: str, coordinate: Coordinate) -> Advertisement:
        advert = self._advertised.ask(server, coordinate, RECEIVE)
        if advert is None:
            raise Failure(Unknown(Cause.NOT_FOUND, "no such repository"))
        return advert

    @contextmanager
    def _body(
        self, coordinate: Coordinate, updates: tuple[RefUpdate, ...], advert: Advertisement
    ) -> Iterator[Body]:
        """Commands, then a pack of what the server lacks."""
        head = receive_pack.request_head(updates, advert.capabilities)
        wants = frozenset(update.new for update in updates if not update.deletes)
        if not wants:
            yield Body(head)
            return
        haves = frozenset(oid for _, oid in advert.refs)
        with self._archive.pack(coordinate, wants, haves) as pack:
            yield Body(head, pack)


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
