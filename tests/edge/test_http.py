"""HTTP against servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reconciler.edge.http import Http
from reconciler.edge.relay import RelayClient
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure

from .kit import LOOPBACK, Door, Talk, answer, door, drip, request, saying

Serve = Callable[[Talk], Door]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(talk: Talk) -> Door:
            opened: AbstractContextManager[Door] = door(talk)
            return stack.enter_context(opened)

        yield start


@pytest.fixture
def http() -> Iterator[Http]:
    client = Http(LOOPBACK)
    yield client
    client.close()


def get(http: Http, url: str, *, limit: int = 1000, seconds: float = 5) -> tuple[str, bytes]:
    return http.get(url, accept="*/*", limit=limit, seconds=seconds)


def fault(http: Http, url: str, *, limit: int = 1000, seconds: float = 5) -> Unknown:
    with pytest.raises(Failure) as found:
        get(http, url, limit=limit, seconds=seconds)
    return found.value.unknown


def test_an_answer(http: Http, serve: Serve) -> None:
    server = serve(saying(answer("200 OK", b"hello", "Content-Type: text/x")))
    assert get(http, server.url) == ("text/x", b"hello")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_refused(http: Http, serve: Serve, code: int) -> None:
    target = serve(saying(answer("200 OK", b"internal")))
    server = serve(saying(answer(f"{code} Elsewhere", b"", f"Location: {target.url}/")))
    found = fault(http, server.url)
    assert (found.cause, str(code) in found.detail) == (Cause.PROTOCOL, True)
    assert target.connections == 0
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("404 Not Found", b"gone", Unknown(Cause.NOT_FOUND, "404")),
        ("429 Slow Down", b"later", Unknown(Cause.RATE, "429 Slow Down later")),
        ("403 Forbidden", b"not\n you", Unknown(Cause.HTTP, "403 Forbidden not you")),
        ("500 Oops", b"<html><b>stack trace</b>", Unknown(Cause.HTTP, "500 Oops")),
        ("204 Nothing", b"", Unknown(Cause.HTTP, "204 Nothing")),
    ],
)
def test_statuses(http: Http, serve: Serve, status: str, body: bytes, expected: Unknown) -> None:
    assert fault(http, serve(saying(answer(status, body))).url) == expected


def test_a_long_error_page_is_cut(http: Http, serve: Serve) -> None:
    server = serve(saying(answer("500 Oops", b"word " * 1_000_000)))
    assert len(fault(http, server.url).detail) < 1100


def test_the_body_s_limit(http: Http, serve: Serve) -> None:
    assert get(http, serve(saying(answer("200 OK", b"x" * 1000))).url)[1] == b"x" * 1000
    found = fault(http, serve(saying(answer("200 OK", b"x" * 1001))).url)
    assert found == Unknown(Cause.PROTOCOL, "the answer is larger than 1000 bytes")


def test_a_body_without_end_is_left(http: Http, serve: Serve) -> None:
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += connection.send(b"x" * 65536)

    assert fault(http, serve(talk).url, limit=100_000).cause is Cause.PROTOCOL
    assert sent < 20 * 2**20  # what the socket's buffers take, and no more


def test_a_compression_bomb_is_left(http: Http, serve: Serve) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    server = serve(saying(answer("200 OK", bomb, "Content-Encoding: gzip")))
    assert len(bomb) < 100_000
    assert fault(http, server.url, limit=100_000).cause is Cause.PROTOCOL


def hang(connection: socket.socket) -> None:
    request(connection)
    time.sleep(30)


def drip_head(connection: socket.socket) -> None:
    request(connection)
    drip(connection, b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)


def drip_body(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    drip(connection, b"x" * 1000)


def half(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    time.sleep(30)


@pytest.mark.parametrize("talk", [hang, drip_head, drip_body, half])
def test_slow_servers_cost_bounded_time(http: Http, serve: Serve, talk: Talk) -> None:
    start = time.monotonic()
    found = fault(http, serve(talk).url, seconds=0.2)
    assert found.cause is Cause.TIMEOUT
    assert time.monotonic() - start < 2.5


def test_a_server_that_hangs_is_asked_once(http: Http, serve: Serve) -> None:
    server = serve(hang)
    first = fault(http, server.url, seconds=0.2)
    again = fault(http, server.url, seconds=0.2)
    assert (first.cause, again.cause) == (Cause.TIMEOUT, Cause.TIMEOUT)
    assert again.detail.endswith("(earlier)")
    assert server.connections == 1


def test_two_strikes(http: Http, serve: Serve) -> None:
    server = serve(lambda _: None)  # closes at once
    other = serve(saying(answer("200 OK")))
    assert [fault(http, server.url).cause for _ in range(4)] == [Cause.CUT] * 4
    assert server.connections == 2
    assert get(http, other.url) == ("", b"")


def test_an_answer_forgives_a_strike(http: Http, serve: Serve) -> None:
    good = answer("200 OK")
    server = serve(saying(b"", good, b"", answer("404 Gone"), b"", good))
    kinds: list[Cause | None] = []
    for _ in range(6):
        try:
            get(http, server.url)
            kinds.append(None)
        except Failure as failure:
            kinds.append(failure.unknown.cause)
    cut = Cause.CUT
    assert kinds == [cut, None, cut, Cause.NOT_FOUND, cut, None]


@pytest.mark.parametrize(
    "head",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_broken_answers_are_one_failure(http: Http, serve: Serve, head: bytes) -> None:
    found = fault(http, serve(saying(head)).url)
    assert found.cause is Cause.CUT
    assert "('" not in found.detail and " at 0x" not in found.detail


def test_an_answer_that_ends_early_is_said_in_words(http: Http, serve: Serve) -> None:
    short = fault(http, serve(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")).url)
    assert short.detail == "the answer ended in the middle"


def test_nothing_of_the_environment_is_used(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(saying(answer("200 OK", b"proxied")))
    heads = []

    def talk(connection: socket.socket) -> None:
        heads.append(request(connection).lower())
        connection.sendall(answer("200 OK", b"direct"))

    server = serve(talk)
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login canary-login password canary-word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url)
    client = Http(LOOPBACK)
    assert get(client, server.url)[1] == b"direct"
    client.close()
    with pytest.raises(Failure):
        RelayClient(server.url, LOOPBACK, lambda _: None, cap=None)
    assert proxy.connections == 0
    assert len(heads) == 2
    for head in heads:
        assert b"authorization" not in head
        assert b"canary" not in head
        assert b"cookie" not in head


def self_signed(folder: Path) -> Path:
    """A file with a key and a certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path


def test_a_certificate_that_nobody_vouches_for(http: Http, serve: Serve, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    said = []

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            said.append(request(tls))

    url = serve(talk).url.replace("http:", "https:")
    assert fault(http, url).cause is Cause.TLS
    with pytest.raises(Failure) as found:
        RelayClient(url, LOOPBACK, lambda _: None, cap=None)
    assert found.value.unknown.cause is Cause.TLS
    assert not said
