"""HTTP against servers that misbehave."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reconciler.edge.allowance import Allowances, Ration
from reconciler.edge.connections import Body
from reconciler.edge.http import Http
from reconciler.model.observed import Cause, Unknown
from reconciler.world import Failure
from tests.kit.clients import LOOPBACK, relay, web
from tests.kit.clock import Hasty
from tests.kit.peers import Door, Talk, answer, door, drip, request, saying

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
    client = web()
    yield client
    client.close()


def get(http: Http, url: str, *, limit: int = 1000, seconds: float = 5) -> tuple[str, bytes]:
    return http.get(url, accept="*/*", limit=limit, seconds=seconds)


def fault(http: Http, url: str, *, limit: int = 1000, seconds: float = 5) -> Unknown:
    with pytest.raises(Failure) as found:
        get(http, url, limit=limit, seconds=seconds)
    return found.value.unknown


def test_an_answer_comes_with_its_content_type(http: Http, serve: Serve) -> None:
    server = serve(saying(answer("200 OK", b"hello", "Content-Type: text/x")))
    assert get(http, server.url) == ("text/x", b"hello")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_refused_and_never_followed(http: Http, serve: Serve, code: int) -> None:
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
def test_a_status_that_is_no_success_is_a_cause(
    http: Http, serve: Serve, status: str, body: bytes, expected: Unknown
) -> None:
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


def test_bytes_of_a_run_are_bounded(serve: Serve) -> None:
    client = web(received=2500)
    server = serve(saying(answer("200 OK", b"x" * 1000)))
    get(client, server.url)
    get(client, server.url)
    assert fault(client, server.url).cause is Cause.BUDGET
    assert fault(client, server.url) == fault(client, f"{server.url}/other")


def test_a_compression_bomb_is_left(http: Http, serve: Serve) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    server = serve(saying(answer("200 OK", bomb, "Content-Encoding: gzip")))
    assert len(bomb) < 100_000
    assert fault(http, server.url, limit=100_000).cause is Cause.PROTOCOL


def test_no_compression_is_asked_for_and_none_is_read(http: Http, serve: Serve) -> None:
    heads = []

    def talk(connection: socket.socket) -> None:
        heads.append(request(connection).lower())
        connection.sendall(answer("200 OK", gzip.compress(b"hello"), "Content-Encoding: gzip"))

    found = fault(http, serve(talk).url)
    assert found == Unknown(Cause.PROTOCOL, "the answer is compressed, unasked")
    assert b"accept-encoding: identity\r\n" in heads[0]


@pytest.mark.parametrize("body", [b"", b"x" * 3000])
@pytest.mark.parametrize("status", ["200 OK", "404 Gone"])
def test_a_connection_is_kept_for_the_next_question(
    http: Http, serve: Serve, status: str, body: bytes
) -> None:
    size = f"Content-Length: {len(body)}"

    def talk(connection: socket.socket) -> None:
        while request(connection):
            connection.sendall(f"HTTP/1.1 {status}\r\n{size}\r\n\r\n".encode() + body)

    server = serve(talk)
    for _ in range(5):
        with suppress(Failure):
            get(http, server.url, limit=5000)
    assert server.connections == 1


def test_what_a_server_says_unasked_is_no_answer_to_the_next_question(
    http: Http, serve: Serve
) -> None:
    def talk(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
        time.sleep(5)

    server = serve(talk)
    assert get(http, server.url)[1] == b"no"
    time.sleep(0.1)
    assert get(http, server.url)[1] == b"no"
    assert server.connections == 2


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


def drip_chunks(connection: socket.socket) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(connection, b"1\r\nx\r\n" * 1000)


@pytest.mark.parametrize("talk", [hang, half, drip_head, drip_body, drip_chunks])
def test_an_answer_that_drips_costs_little_more_than_silence(
    http: Http, serve: Serve, talk: Talk
) -> None:
    start = time.monotonic()
    found = fault(http, serve(talk).url, seconds=0.4, limit=1_000_000)
    assert found.cause is Cause.TIMEOUT
    assert time.monotonic() - start < 1.6  # six times the silence is the bound of a whole answer


def on_a_bad_line(connection: socket.socket) -> None:
    """10,000 bytes, 5 kB a second."""
    request(connection)
    time.sleep(0.3)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(20):
        time.sleep(0.1)
        connection.sendall(b"x" * 500)


def in_chunks_on_a_bad_line(connection: socket.socket) -> None:
    """The same in one chunk that is larger than what must come in time."""
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sendall(b"2710\r\n")
    for _ in range(20):
        time.sleep(0.1)
        connection.sendall(b"x" * 500)
    connection.sendall(b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("talk", [on_a_bad_line, in_chunks_on_a_bad_line])
def test_an_honest_answer_on_a_bad_line_is_read_to_its_end(
    http: Http, serve: Serve, talk: Talk
) -> None:
    assert get(http, serve(talk).url, seconds=1, limit=10_000)[1] == b"x" * 10_000


def test_a_server_that_hangs_is_asked_once(http: Http, serve: Serve) -> None:
    server = serve(hang)
    first = fault(http, server.url, seconds=0.2)
    again = fault(http, server.url, seconds=0.2)
    assert (first.cause, again.cause) == (Cause.TIMEOUT, Cause.TIMEOUT)
    assert again.detail.endswith("(earlier)")
    assert server.connections == 1


LATER = answer("503 Busy", b"in a moment")
GOOD = answer("200 OK", b"good")


def test_a_host_that_hangs_up_is_asked_no_more_and_others_are(http: Http, serve: Serve) -> None:
    server = serve(lambda _: None)  # closes at once
    other = serve(saying(answer("200 OK")))
    assert [fault(http, server.url).cause for _ in range(4)] == [Cause.CUT] * 4
    assert server.connections == 3  # one question, asked thrice
    assert get(http, other.url) == ("", b"")


def test_an_answer_forgives_a_strike(http: Http, serve: Serve) -> None:
    server = serve(saying(b"", b"", GOOD, b"", b"", GOOD, b"", answer("404 Gone"), b"", GOOD))
    kinds: list[Cause | None] = []
    for _ in range(4):
        try:
            get(http, server.url)
            kinds.append(None)
        except Failure as failure:
            kinds.append(failure.unknown.cause)
    assert kinds == [None, None, Cause.NOT_FOUND, None]


def dated(seconds: float, *headers: str) -> bytes:
    """An answer by a server whose clock is so far ahead of ours."""
    then = datetime.now(UTC) + timedelta(seconds=seconds)
    return answer("200 OK", b"", f"Date: {then:%a, %d %b %Y %H:%M:%S} GMT", *headers)


@pytest.mark.parametrize("ahead", [0, -3600, 3600 * 24 * 3650])
def test_the_server_s_clock_is_compared(http: Http, serve: Serve, ahead: float) -> None:
    server = serve(saying(dated(ahead)))
    assert http.skew(server.url) is None
    get(http, server.url)
    found = http.skew(f"{server.url}/any/path")
    assert found is not None and abs(found + ahead) < 3


def test_the_answer_with_the_least_difference_counts(http: Http, serve: Serve) -> None:
    """One answer may have waited somewhere; none comes too early."""
    server = serve(saying(dated(-600), dated(-5), dated(-900)))
    for _ in range(3):
        get(http, server.url)
    found = http.skew(server.url)
    assert found is not None and 4 <= found < 8


@pytest.mark.parametrize(
    "told",
    [
        answer("200 OK"),
        answer("200 OK", b"", "Date: yesterday"),
        answer("200 OK", b"", "Date: Fri, 31 Dec 99999 00:00:00 GMT"),
        dated(-600, "Age: 600"),
    ],
)
def test_no_clock_is_read_from_what_tells_none(http: Http, serve: Serve, told: bytes) -> None:
    server = serve(saying(told))
    get(http, server.url)
    assert http.skew(server.url) is None


@pytest.mark.parametrize(
    "bad", [b"", LATER, answer("502 Bad"), answer("504 Slow"), answer("429 Slow Down")]
)
def test_a_bad_moment_costs_a_second_and_a_third_question(serve: Serve, bad: bytes) -> None:
    clock = Hasty()
    client = web(clock=clock)
    assert get(client, serve(saying(bad, bad, GOOD)).url)[1] == b"good"
    assert 0.5 <= clock.slept[0] <= 1 < clock.slept[1] <= 3
    assert len(clock.slept) == 2


def test_a_fourth_question_is_not_asked(http: Http, serve: Serve) -> None:
    server = serve(saying(LATER))
    assert fault(http, server.url) == Unknown(Cause.HTTP, "503 Busy in a moment")
    assert server.connections == 3


@pytest.mark.parametrize("status", ["400 No", "403 Forbidden", "404 Gone", "500 Oops"])
def test_what_will_not_pass_is_asked_once(http: Http, serve: Serve, status: str) -> None:
    server = serve(saying(answer(status)))
    fault(http, server.url)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("after", "slept", "asked"),
    [("7", [7.0], 2), ("31", [], 1), ("99999999999999", None, 2), ("Fri, 31 Dec", None, 2)],
)
def test_retry_after_is_honoured_within_reason(
    serve: Serve, after: str, slept: list[float] | None, asked: int
) -> None:
    clock = Hasty()
    client = web(clock=clock)
    server = serve(saying(answer("429 Slow Down", b"", f"Retry-After: {after}"), GOOD))
    if asked == 1:
        assert fault(client, server.url).cause is Cause.RATE
    else:
        assert get(client, server.url)[1] == b"good"
    assert server.connections == asked
    assert slept is None or [round(each) for each in clock.slept] == slept


def test_a_push_that_should_come_later_says_from_when(serve: Serve) -> None:
    server = serve(saying(answer("503 Busy", b"", "Retry-After: 300")))
    with pytest.raises(Failure) as caught:
        web().post(server.url, Body(b"0000"), kind="x", limit=9, seconds=5)
    assert caught.value.until == pytest.approx(time.time() + 300, abs=3)


def test_retry_after_beyond_the_server_s_time_is_not_waited_for(serve: Serve) -> None:
    clock = Hasty()
    allowances = Allowances(clock, Ration(reading=5))
    client = Http(LOOPBACK, clock, allowances)
    server = serve(saying(answer("429 Slow Down", b"", "Retry-After: 7"), GOOD))
    with allowances.of(server.url).reading():
        assert fault(client, server.url).cause is Cause.RATE
    assert server.connections == 1


def test_all_questions_together_are_repeated_so_often_and_no_more(serve: Serve) -> None:
    client = web(retries=3)
    server = serve(saying(LATER))
    for _ in range(4):
        fault(client, server.url)
    assert server.connections == 4 + 3


def test_a_push_is_sent_once(http: Http, serve: Serve) -> None:
    server = serve(saying(LATER))
    with pytest.raises(Failure):
        http.post(server.url, Body(b"0000"), kind="x", limit=9, seconds=5)
    assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
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
    client = web()
    assert get(client, server.url)[1] == b"direct"
    client.close()
    with pytest.raises(Failure):
        relay(server.url)
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
        relay(url)
    assert found.value.unknown.cause is Cause.TLS
    assert not said


def test_a_push_whose_answer_is_only_announced_is_given_up(http: Http, serve: Serve) -> None:
    """100 Continue, again and again, is no answer."""

    def talk(connection: socket.socket) -> None:
        request(connection)
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.1)

    start = time.monotonic()
    with pytest.raises(Failure) as found:
        http.post(serve(talk).url, Body(b"0000"), kind="git-receive-pack", limit=1000, seconds=0.5)
    assert found.value.unknown == Unknown(Cause.TIMEOUT, "no answer in time")
    assert time.monotonic() - start < 3
