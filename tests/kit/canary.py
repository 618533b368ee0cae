"""Looks for secrets in everything that a run leaves or shows, in every form a leak may have."""

from __future__ import annotations

import base64
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from reconciler.nostr import nip19


def forms(secret: bytes) -> frozenset[bytes]:
    """A secret as bytes, hex, bech32, base64, percent-encoded, as Python says it, and reversed."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), secret[::-1]}
    found |= {base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret).rstrip(b"=")}
    found |= {quote(secret).encode(), repr(secret)[2:-1].encode(), secret.hex()[::-1].encode()}
    if len(secret) == 32:
        found.add(nip19.encode("nsec", secret)[5:-6].encode())
    return frozenset(form for form in found if len(form) > 7)


@dataclass
class Canaries:
    """Secrets by name, and where they were seen."""

    secrets: Mapping[str, bytes]
    hits: list[str] = field(default_factory=list)

    def scan(self, where: str, data: bytes) -> None:
        """Remember every secret that is in these bytes."""
        lower = data.lower()
        for name, secret in self.secrets.items():
            if any(form in data or form.lower() in lower for form in forms(secret)):
                self.hits.append(f"{name} in {where}")

    def scanned(self, file: Path) -> str:
        """What is in one file, in words."""
        self.scan(str(file), file.read_bytes())
        return "; ".join(self.hits)

    def scan_folder(self, folder: Path, *, but: Iterable[Path] = ()) -> None:
        """The same for all files below, apart from those where a secret has its home."""
        homes = set(but)
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file not in homes:
                self.scan(str(file), file.read_bytes())
                self.scan(f"the name {file}", str(file).encode())


@dataclass
class Watched:
    """A program as it runs: its output, and the arguments and environments of all its children."""

    out: bytes = b""
    err: bytes = b""
    code: int = -1
    seen: dict[str, bytes] = field(default_factory=dict)


def watched(
    call: list[str], *, env: Mapping[str, str], stdin: bytes = b"", pass_fds: tuple[int, ...] = ()
) -> Watched:
    """Run it to its end, and look at /proc all the while."""
    found = Watched()
    process = subprocess.Popen(
        call,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
    )
    over = threading.Event()
    looker = threading.Thread(target=_look, args=(process.pid, found, over), daemon=True)
    looker.start()
    found.out, found.err = process.communicate(stdin, timeout=120)
    found.code = process.returncode
    over.set()
    looker.join()
    return found


def _look(pid: int, found: Watched, over: threading.Event) -> None:
    while not over.is_set():
        own = _proc(pid, "cmdline")
        found.seen["its arguments"] = own or found.seen.get("its arguments", b"")
        for child in _descendants(pid)[1:]:
            words = _proc(child, "cmdline")
            # before it runs its own program, a child shows what its parent was given
            if words and words != own:
                found.seen[f"arguments of a child: {words[:60]!r}"] = words
                if (given := _proc(child, "environ")) and _proc(child, "cmdline") == words:
                    found.seen[f"environment of a child: {words[:60]!r}"] = given
        time.sleep(0.005)


def _proc(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found
