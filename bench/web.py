"""Servers as many people run them: nginx before `git http-backend` (through fcgiwrap) and a relay.

Nobody authorises anything here: a push is taken as git takes it, and a repository is there when its
folder is. The relays are the sandbox's, in a process of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.programs import BACKEND, FCGIWRAP, GIT, NGINX
from reconciler.nostr import nip19
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate

NEEDS = (NGINX, FCGIWRAP, GIT, BACKEND)
CHILDREN = 16
"""Requests to git that are answered at the same time, by all servers together."""
_PATIENCE = 10.0
_INFO = {
    "name": "bench",
    "software": "https://gitworkshop.dev/ngit-relay",
    "supported_nips": [1, 9, 11, 34],
    "supported_grasps": ["GRASP-01"],
    "limitation": {"max_limit": 500},
}
_NGINX = """\
daemon off;
{user}
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/tmp/body;
  proxy_temp_path {folder}/tmp/proxy;
  fastcgi_temp_path {folder}/tmp/fastcgi;
  uwsgi_temp_path {folder}/tmp/uwsgi;
  scgi_temp_path {folder}/tmp/scgi;
{servers}
}}
"""
_SERVER = """\
  server {{
    listen 127.0.0.1:{port};
    location = / {{
      if ($http_accept = "application/nostr+json") {{ rewrite ^ /_info last; }}
      proxy_pass http://127.0.0.1:{relay};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 600s;
    }}
    location = /_info {{
      internal;
      default_type application/nostr+json;
      alias {folder}/info.json;
    }}
    location / {{
      fastcgi_pass unix:{folder}/fcgi.sock;
      fastcgi_read_timeout 600s;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param GIT_CONFIG_NOSYSTEM 1;
      fastcgi_param GIT_CONFIG_GLOBAL /dev/null;
      fastcgi_param HOME /nonexistent;
    }}
  }}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """One server: its URL, and the folder that holds its repositories."""

    url: str
    root: Path

    def path(self, coordinate: Coordinate) -> Path:
        """Where it has, or will have, a repository."""
        return self.root / nip19.npub(coordinate.owner) / f"{coordinate.identifier}.git"

    def take(self, coordinate: Coordinate, source: Path) -> None:
        """Host a repository: a copy that shares its files, so nothing may write into packs."""
        place = self.path(coordinate)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, place, copy_function=os.link)

    def make(self, coordinates: Sequence[Coordinate]) -> None:
        """Begin anew, with these repositories, all of them empty."""
        shutil.rmtree(self.root, ignore_errors=True)
        for coordinate in coordinates:
            empty(self.path(coordinate))


def empty(place: Path) -> None:
    """A bare repository, as servers make them: whoever may push, pushes, and a fetch names objects
    (GRASP-01)."""
    (place / "refs").mkdir(parents=True)
    (place / "objects").mkdir()
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
        "[http]\n\treceivepack = true\n[receive]\n\tautogc = false\n"
        "[uploadpack]\n\tallowTipSHA1InWant = true\n\tallowReachableSHA1InWant = true\n"
    )


class Web:
    """Some sites behind one nginx, and their relays. Use `web`."""

    def __init__(self, folder: Path, port: int, count: int) -> None:
        self._folder = folder
        self._relay_ports = [port + count + number for number in range(count)]
        self._relays: subprocess.Popen[bytes] | None = None
        self.sites = [
            Site(f"http://127.0.0.1:{port + number}", folder / "roots" / str(number))
            for number in range(count)
        ]
        (folder / "tmp").mkdir(parents=True)
        (folder / "info.json").write_text(json.dumps(_INFO))
        (folder / "nginx.conf").write_text(self._configuration(port))

    def relays(self, events: Sequence[Sequence[Event]]) -> None:
        """Begin all relays anew; what each of them holds then, in the order of `sites`."""
        self.end_relays()
        given = self._folder / "events.json"
        given.write_text(json.dumps([[event.to_json() for event in some] for some in events]))
        held = self._folder / "relays"
        shutil.rmtree(held, ignore_errors=True)
        words = [sys.executable, "-m", "bench.relays", str(held), str(given)]
        words += map(str, self._relay_ports)
        self._relays = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._relays.stdout is None or self._relays.stdout.readline() != b"ready\n":
            raise SystemExit("the relays did not start")

    def end_relays(self) -> None:
        """End them; what they held is gone."""
        if self._relays:
            self._relays.kill()
            self._relays.communicate()

    def programs(self) -> list[subprocess.Popen[bytes]]:
        """Start nginx and fcgiwrap."""
        where = str(self._folder / "fcgi.sock")
        with socket.socket(socket.AF_UNIX) as shared:
            shared.bind(where)
            shared.listen(1024)
            wrap = [FCGIWRAP.path(), "-f"]
            found = [subprocess.Popen(wrap, stdin=shared.fileno()) for _ in range(CHILDREN)]
        begin = [NGINX.path(), "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        found.append(subprocess.Popen([*begin, "-e", str(self._folder / "nginx.log")]))
        _await(self.sites[-1].url)
        return found

    def _configuration(self, port: int) -> str:
        servers = [
            _SERVER.format(
                port=port + number,
                relay=self._relay_ports[number],
                folder=self._folder,
                backend=BACKEND.path(),
                root=site.root,
            )
            for number, site in enumerate(self.sites)
        ]
        user = "" if os.geteuid() else "user root;"  # nobody could reach a temporary folder
        return _NGINX.format(folder=self._folder, servers="".join(servers), user=user)


@contextmanager
def web(folder: Path, port: int, count: int) -> Iterator[Web]:
    """`count` servers, at ports from `port` on; as many ports again are for their relays."""
    found = Web(folder, port, count)
    running = found.programs()
    try:
        yield found
    finally:
        found.end_relays()
        for one in reversed(running):
            one.terminate()
            one.wait()


def _await(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit("nginx did not start: see its log")
