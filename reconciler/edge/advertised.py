"""What servers advertise of their repositories (gitprotocol-http, protocol v0), remembered for as
long as a run lasts: a fetch need not ask again what was listed a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from reconciler.edge.http import Http
from reconciler.errors import PeerFault
from reconciler.git import advertisement
from reconciler.git.advertisement import UPLOAD, Advertisement
from reconciler.limits import ADVERT_BYTES, READ_SECONDS
from reconciler.model.observed import Cause, Unknown
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure

Address = Callable[[str, Coordinate], str]
"""The URL of a repository on a server; of one on its source, that source's own."""


def grasp(server: str, coordinate: Coordinate) -> str:
    """On a GRASP server (GRASP-01)."""
    return urls.clone(server, coordinate.owner, coordinate.identifier)


class Advertised:
    """Asks `info/refs`; safe between threads."""

    def __init__(self, http: Http, address: Address = grasp) -> None:
        """Args: HTTP, and where a repository is."""
        self.address = address
        self._http = http
        self._known: dict[tuple[str, Coordinate], Advertisement] = {}
        self._lock = Lock()

    def known(self, server: str, coordinate: Coordinate) -> Advertisement | None:
        """What a server advertised last for fetches, in this run."""
        return self._known.get((server, coordinate))

    def ask(self, server: str, coordinate: Coordinate, service: str) -> Advertisement | None:
        """One GET of info/refs; None when the server answers 404. Raises Failure."""
        try:
            kind, body = self._http.get(
                f"{self.address(server, coordinate)}/info/refs?service={service}",
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
            found = advertisement.parse(body, service)
        except PeerFault as error:
            raise Failure(Unknown(Cause.PROTOCOL, str(error))) from None
        if service == UPLOAD:
            with self._lock:
                self._known[server, coordinate] = found
        return found
