"""Packs from servers, by our own client: one request, whose answer is handed on as it comes.

A server can keep a connection busy without sending a pack, and a pack can be as large as the disk:
so that what comes is counted and timed on its way.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.edge.advertised import Advertised
from reconciler.edge.child import Excess
from reconciler.edge.connections import Body
from reconciler.edge.http import Http
from reconciler.errors import PeerFault
from reconciler.git import upload_pack
from reconciler.git.advertisement import UPLOAD, Advertisement
from reconciler.limits import (
    FETCH_IDLE_SECONDS,
    FETCH_MEMORY_BYTES,
    FETCH_PROGRESS_BYTES,
    FREE_BYTES,
    PACK_BYTES,
)
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr.nip34 import Coordinate
from reconciler.plumbing.child import Heard
from reconciler.world import Failure

_LOOK_BYTES = 16 * 2**20
"""Between two looks at the free space of the disk."""


class TooLarge(Failure):
    """What comes is larger than the quota."""


class Uploads:
    """git-upload-pack of every server (gitprotocol-http, protocol v0); safe between threads."""

    def __init__(self, http: Http, advertised: Advertised) -> None:
        """Args: the connections, and what servers advertise."""
        self._http = http
        self._advertised = advertised

    def offered(self, server: str, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        """Those of the objects that a server's refs name. What it has shown in this run is believed
        as long as it names all of them. Raises Failure."""
        known = self._advertised.known(server, coordinate)
        if known and oids <= _named(known):
            return oids
        fresh = self._advertised.ask(server, coordinate, UPLOAD)
        return oids & _named(fresh) if fresh else frozenset()

    @contextmanager
    def pack(
        self,
        server: str,
        coordinate: Coordinate,
        wants: frozenset[str],
        haves: frozenset[str],
        *,
        idle: float = FETCH_IDLE_SECONDS,
    ) -> Iterator[Iterator[bytes]]:
        """A pack of what `wants` need beyond `haves`; some of its chunks are empty, where the
        server said something else.

        Raises:
            Failure: it could not be had; also while it is read.
        """
        known = self._advertised.known(server, coordinate)
        offered = known.capabilities if known else frozenset()
        body = Body(upload_pack.request(wants, haves, offered))
        url = f"{self._advertised.address(server, coordinate)}/{UPLOAD}"
        with self._http.stream(url, body, kind=UPLOAD, seconds=idle) as chunks:
            yield _unwrapped(chunks)


class Passage:
    """One pack on its way: `size` bytes of it have come."""

    def __init__(
        self, folder: Path, *, idle: float, quota: int, exceeded: Callable[[], object]
    ) -> None:
        """Args:
        folder: on the disk that it fills.
        idle: seconds of waiting that may pass without FETCH_PROGRESS_BYTES.
        quota: bytes after which `exceeded` is called, once.
        """
        self.size = 0
        self._folder = folder
        self._idle = idle
        self._quota = quota
        self._exceeded = exceeded

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks. Raises Failure: Excess where the server is not to be asked again."""
        ensure_room(self._folder)
        waited, progress, looked = 0.0, 0, 0
        began = time.monotonic()
        for chunk in chunks:
            waited += time.monotonic() - began  # not what git takes to read it
            self.size += len(chunk)
            progress += len(chunk)
            if progress >= FETCH_PROGRESS_BYTES:
                waited, progress = 0.0, 0
            if waited > self._idle:
                detail = f"no pack came for {self._idle:.0f} s, whatever else was said"
                raise Excess(Unknown(Cause.TIMEOUT, detail))
            if self.size - looked > _LOOK_BYTES:
                ensure_room(self._folder)
                looked = self.size
            self._bound(len(chunk))
            if chunk:
                yield chunk
            began = time.monotonic()

    def look(self, heard: Heard) -> None:
        """At the git that reads it. Raises Excess."""
        if heard.memory > FETCH_MEMORY_BYTES + self.size:
            taken, came = heard.memory >> 20, self.size >> 20
            detail = f"git took {taken} MB of memory for {came} MB that came"
            raise Excess(Unknown(Cause.PROTOCOL, detail))

    def _bound(self, more: int) -> None:
        if self.size > PACK_BYTES:
            raise TooLarge(_larger(PACK_BYTES))
        if self.size > self._quota >= self.size - more:
            self._exceeded()


def too_large(quota: int) -> TooLarge:
    """What is said of a pack that is larger than its quota."""
    return TooLarge(_larger(quota))


def ensure_room(folder: Path) -> None:
    """Raises Failure: the disk of this folder is (nearly) full."""
    disk = shutil.disk_usage(folder)
    if disk.free < min(FREE_BYTES, disk.total // 20):
        detail = f"{folder}: no space left on device, but for {disk.free >> 20} MB"
        raise Failure(Unknown(Cause.LOCAL, detail))


def _larger(quota: int) -> Unknown:
    return Unknown(Cause.PROTOCOL, f"what it sends is larger than {quota >> 20} MB")


def _named(advert: Advertisement) -> frozenset[str]:
    return frozenset(oid for _, oid in advert.refs)


def _unwrapped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    answer = upload_pack.Answer()
    try:
        for chunk in chunks:
            yield answer.feed(chunk)
        answer.end()
    except PeerFault as fault:
        raise Failure(Unknown(Cause.PROTOCOL, str(fault))) from None
