"""What servers advertise is kept for the run, as far as one server may fill our memory."""

from __future__ import annotations

import socket

import pytest

from reconciler.edge.advertised import Advertised
from reconciler.git.advertisement import UPLOAD
from reconciler.git.pktline import FLUSH, encode_all
from reconciler.model.observed import Cause
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure
from tests.kit.clients import web
from tests.kit.peers import answer, door, request

ONE, TWO, THREE = (Coordinate("a" * 64, name) for name in ("one", "two", "three"))
REFS = {"one": 2, "two": 2, "three": 1}


def lists(connection: socket.socket) -> None:
    """As many refs as REFS says of the repository in the path."""
    path = request(connection).split()[1].decode()
    count = next(count for name, count in REFS.items() if f"/{name}.git/" in path)
    lines = [f"{'1' * 40} refs/heads/x{n}".encode() for n in range(count)]
    lines[0] += b"\0report-status"
    body = encode_all([f"# service={UPLOAD}\n".encode(), FLUSH, *lines, FLUSH])
    kind = f"Content-Type: application/x-{UPLOAD}-advertisement"
    connection.sendall(answer("200 OK", body, kind))


def test_refs_of_one_server_are_kept_up_to_its_share_and_no_further() -> None:
    client = web()
    with door(lists) as here, door(lists) as there:
        kept = Advertised(client, most=3)
        for _ in range(3):  # the same repository is kept once
            assert kept.ask(here.url, ONE, UPLOAD) == kept.known(here.url, ONE)
        with pytest.raises(Failure) as found:
            kept.ask(here.url, TWO, UPLOAD)
        assert found.value.unknown.cause is Cause.BUDGET
        assert kept.known(here.url, TWO) is None
        assert kept.ask(here.url, THREE, UPLOAD)
        assert kept.ask(there.url, TWO, UPLOAD)
    client.close()
