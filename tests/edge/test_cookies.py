"""No server's cookie is kept, so none ever reaches a server: not its own, not another one."""

from __future__ import annotations

import socket
from collections import defaultdict
from contextlib import closing
from itertools import chain

from reconciler.edge.connections import Body
from reconciler.nostr.filters import Filter
from tests.kit.clients import relay, web
from tests.kit.peers import answer, door, request
from tests.kit.websocket import hear, say, upgrade

SMUGGLED = 'a="x\\015\\012X-Injected: yes\\015\\012\\015\\012GET /smuggled HTTP/1.1\\015\\012"'
SETS = [
    f"Set-Cookie: {SMUGGLED}; Domain={domain}; Path=/" for domain in ("127.0.0.1", "localhost")
] + ["Set-Cookie: plain=1", "Set-Cookie: big=" + "y" * 30_000 + "; Domain=localhost"]


def test_no_request_ever_holds_a_cookie() -> None:
    """Two servers set cookies for themselves and for each other, whatever they are asked."""
    heads: defaultdict[int, list[bytes]] = defaultdict(list)

    def talk(connection: socket.socket) -> None:
        head = request(connection)
        heads[connection.getsockname()[1]].append(head.lower())
        if b"sec-websocket-key" in head.lower():
            upgrade(connection, *SETS, head=head)
            say(connection, "EOSE", hear(connection)[1])
        else:
            connection.sendall(answer("200 OK", b"{}", *SETS))

    with door(talk) as one, door(talk) as two, closing(web()) as http:
        for url in 2 * (one.url, two.url.replace("127.0.0.1", "localhost")):
            http.get(f"{url}/", accept="application/nostr+json", limit=100, seconds=5)
            http.get(f"{url}/a.git/info/refs", accept="*/*", limit=100, seconds=5)
            http.post(f"{url}/a.git/x", Body(b"0000"), kind="x", limit=100, seconds=5)
            with closing(relay(url, cap=500)) as client:
                assert client.query([Filter(ids=("0" * 64,))]) == ()
    assert [len(each) for each in heads.values()] == [8, 8]
    for head in chain(*heads.values()):
        assert b"cookie" not in head
        assert b"injected" not in head
        assert b"smuggled" not in head
