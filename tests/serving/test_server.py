"""The pages over a real port: what there is, for whom, and that nothing can be changed."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from reconciler.model.outcome import Report, Result
from reconciler.report.history import Past
from reconciler.serving.server import Server

from .test_metrics import read, run, sample


@dataclass
class Known:
    """A source that knows one report."""

    found: Report | None
    well: bool = True

    def report(self) -> Report | None:
        return self.found

    def past(self) -> tuple[Past, ...]:
        return (run("2025-12-01T00:00:00Z", 0),)

    def alive(self) -> bool:
        return self.well


@contextmanager
def serving(source: Known, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(host, 0, source)
    server.start()
    yield server
    server.end()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Known(sample())) as found:
        yield found


def ask(
    server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    client.request(method, path, headers=headers)
    answer = client.getresponse()
    body = answer.read().decode()
    client.close()
    return answer.status, dict(answer.headers), body


def test_the_page_is_the_report_s(server: Server) -> None:
    status, headers, body = ask(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "alice/widget" in body
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_metrics_are_prometheus_text(server: Server) -> None:
    status, headers, body = ask(server, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert read(body)["run_duration_seconds"] == {(): 90}


def test_health_is_for_restarts_and_mirror_health_for_dashboards(server: Server) -> None:
    assert ask(server, "/health")[0] == 200
    status, _, body = ask(server, "/api/mirror-health")
    document = json.loads(body)
    assert (status, document["status"]) == (200, "degraded")
    assert {s["name"] for s in document["servers"]} >= {"alpha.example", "gamma.example"}


@pytest.mark.parametrize(
    "source", [Known(sample(Result.FAILED)), Known(sample(), well=False)], ids=["failing", "stuck"]
)
def test_what_fails_or_is_stuck_is_not_healthy(source: Known) -> None:
    with serving(source) as server:
        assert ask(server, "/health")[0] == 503
        assert ask(server, "/api/mirror-health")[0] == 200


def test_before_the_first_report_there_is_nothing_to_show_and_no_error() -> None:
    with serving(Known(None)) as server:
        assert ask(server, "/")[0] == 503
        assert ask(server, "/metrics")[0] == 200
        assert json.loads(ask(server, "/api/mirror-health")[2])["status"] == "degraded"


@pytest.mark.parametrize("path", ["/x", "/../etc/passwd", "/reports/latest.json", "/%2e%2e"])
def test_there_is_nothing_else(server: Server, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(server: Server, method: str) -> None:
    assert ask(server, "/", method)[0] == 501


def test_head_has_no_body(server: Server) -> None:
    status, headers, body = ask(server, "/", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 10_000


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:1", 200), ("127.0.0.1", 200), ("evil.example", 421), ("evil.example:80", 421)],
)
def test_a_stranger_s_name_that_leads_here_reads_nothing(
    server: Server, host: str, status: int
) -> None:
    assert ask(server, "/health", Host=host)[0] == status


def test_a_client_that_says_nothing_keeps_nobody(server: Server) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.server_port)) for _ in range(30)]
    assert ask(server, "/health")[0] == 200
    for connection in idle:
        connection.close()


def test_a_request_that_is_no_http_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"\x16\x03\x01" + b"x" * 70_000 + b"\r\n\r\n")
        connection.settimeout(10)
        assert not connection.recv(100).startswith(b"HTTP/1.1 200")
    assert ask(server, "/health")[0] == 200
