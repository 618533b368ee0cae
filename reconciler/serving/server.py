"""A small HTTP server for a few pages: GET and HEAD alone, on loopback unless somebody says
otherwise."""

from __future__ import annotations

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import Any

from reconciler.limits import SERVED_SECONDS, SERVED_TOGETHER
from reconciler.serving.pages import Answer, ReportSource, answer

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Connection": "close",
}
_REFUSED = Answer(503, "text/plain; charset=utf-8", "busy\n")
_STRANGER = Answer(421, "text/plain; charset=utf-8", "this is not the host that was asked for\n")


class Server(ThreadingHTTPServer):
    """Serves a source until it is closed."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, host: str, port: int, source: ReportSource) -> None:
        """Args: address and port (0: any free one) to listen on. Raises OSError."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.source = source
        self.room = BoundedSemaphore(SERVED_TOGETHER)
        super().__init__((host, port), _Handler)
        self.local = self.server_address[0] in ("127.0.0.1", "::1")

    @property
    def url(self) -> str:
        """Where it is."""
        host = str(self.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/"

    def start(self) -> None:
        """Serve in a thread of its own."""
        Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        """Stop, and let go of the port."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: Any) -> None:
        """A client that went away is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "reconcile"
    sys_version = ""
    timeout = SERVED_SECONDS

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without one."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        if not self._meant():
            self._send(_STRANGER, body=body)
            return
        if not self.server.room.acquire(blocking=False):
            self._send(_REFUSED, body=body)
            return
        try:
            found = answer(self.path.partition("?")[0], self.server.source)
        finally:
            self.server.room.release()
        self._send(found, body=body)

    def _meant(self) -> bool:
        """On loopback, only names of this machine: a page elsewhere whose name was made to lead
        here (DNS rebinding) must not read for its owner."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        return not self.server.local or host in ("localhost", "127.0.0.1", "[::1]")

    def _send(self, found: Answer, *, body: bool) -> None:
        data = found.body.encode()
        self.send_response(found.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", found.kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.close_connection = True
        if body:
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Who reads is not written down."""
