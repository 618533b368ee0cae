"""The git program: as a client, and as its own smart-HTTP server over repositories on disk."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from reconciler.conformance import work
from reconciler.conformance.people import Person
from reconciler.conformance.work import git
from reconciler.nostr import nip19, urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.server import RunningServer

__all__ = ["ZERO", "Work", "backend", "git", "git_dir"]

ZERO = "0" * 40


@dataclass
class Work(work.Work):
    """A local bare repository that pushes to our own servers."""

    def push(self, server: RunningServer, owner: Person, identifier: str, *specs: str) -> bool:
        """Did `git push` succeed?"""
        url = urls.clone(server.url, owner.pubkey, identifier)
        return self.git("push", url, *specs, check=False).startswith("0\n")


def git_dir(root: Path, coordinate: Coordinate) -> Path:
    """Where `backend` looks for a repository."""
    return root / nip19.npub(coordinate.owner) / f"{coordinate.identifier}.git"


@contextmanager
def backend(root: Path) -> Iterator[str]:
    """git's own smart-HTTP server, `git http-backend`, over all repositories under `root`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._run(b"")

        def do_POST(self) -> None:
            self._run(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silence."""

        def _run(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "somebody",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": unquote(path),
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            done = subprocess.run(
                ["git", "http-backend"],
                input=body,
                env=environment,
                capture_output=True,
                check=False,
            )
            head, _, data = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
