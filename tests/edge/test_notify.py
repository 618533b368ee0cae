"""A webhook: told once when it listens, three times when it stumbles, and no secrets elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from reconciler.edge.notify import notify


class Hook:
    """Answers with the given codes, one after the other, and keeps what it was told."""

    def __init__(self, *codes: int) -> None:
        self.heard: list[Any] = []
        self.headers: list[dict[str, str]] = []
        left = list(codes)
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.heard.append(json.loads(body))
                hook.headers.append(dict(self.headers))
                self.send_response(left.pop(0) if len(left) > 1 else left[0])
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook(request: pytest.FixtureRequest) -> Iterator[Hook]:
    found = Hook(*request.param)
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.mark.parametrize(
    ("hook", "times", "why"),
    [
        ((200,), 1, ""),
        ((204,), 1, ""),
        ((503, 200), 2, ""),
        ((429, 500, 200), 3, ""),
        ((500,), 3, "127.0.0.1: HTTP 500"),
        ((404,), 1, "127.0.0.1: HTTP 404"),
        ((302,), 1, "127.0.0.1: HTTP 302"),
    ],
    indirect=["hook"],
)
def test_a_bad_moment_is_tried_again_and_a_refusal_is_not(hook: Hook, times: int, why: str) -> None:
    assert notify(hook.url, {"status": "failing"}, pause=0.01) == why
    assert hook.heard == [{"status": "failing"}] * times


@pytest.mark.parametrize("hook", [(200,)], indirect=True)
def test_nothing_of_the_environment_goes_with_it(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert notify(hook.url, {}) == ""
    assert not {"Authorization", "Cookie"} & set(hook.headers[0])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/secret-token", "ftp://x/secret-token", "secret-token", "http://"]
)
def test_an_address_that_does_not_work_is_told_without_its_secrets(url: str) -> None:
    why = notify(url, {}, pause=0.01)
    assert why
    assert "secret-token" not in why
