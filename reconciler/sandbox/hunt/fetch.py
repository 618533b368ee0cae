"""git data from another server: exact objects into a staging repository, then into ours, then
through the one path for git data.

Staging is thrown away whatever happens, so a fetch that breaks off leaves nothing in a repository
that is served. The child may reach the one address that was checked, by http(s) and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reconciler.errors import NetworkFault
from reconciler.limits import CHILD_MEMORY_BYTES, CHILD_WALL_SECONDS, PACK_BYTES
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow import gitdata, push
from reconciler.sandbox.hunt.egress import Endpoint
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.service import Service

_LIMITED: Final = (
    f'ulimit -v {CHILD_MEMORY_BYTES // 1024}; ulimit -f {PACK_BYTES // 512}; exec "$@"'
)
"""In the child's own shell; units are KiB and 512-byte blocks. git parses untrusted packs there."""
_SETTINGS: Final = (
    "http.followRedirects=false",
    "http.proxy=",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "credential.helper=",
    "transfer.credentialsInUrl=die",
    "transfer.bundleURI=false",
    "fetch.recurseSubmodules=false",
    "protocol.file.allow=user",
)
_NOT_OURS: Final = re.compile(rb"not our ref ([0-9a-f]{40})")
_UNADVERTISED: Final = re.compile(rb"request for unadvertised object ([0-9a-f]{40})")
_ERROR_BYTES: Final = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a fetch ended: objects `arrived`, or the source does not have `refused`, or neither."""

    arrived: frozenset[str] = frozenset()
    refused: str | None = None


async def fetch(
    runtime: Runtime, endpoint: Endpoint, target: Coordinate, oids: frozenset[str]
) -> Fetched:
    """Fetch exactly these objects, all or none, and deliver them to `target`."""
    service = runtime.service
    with _staging(service, target) as staging:
        flags = ("--quiet", "--no-tags", "--no-write-fetch-head", "--stdin")
        lines = "".join(f"{oid}:refs/stage/{oid}\n" for oid in sorted(oids)).encode()
        code, errors = await _git(service, staging, endpoint, lines, "fetch", *flags)
        if code:
            found = _NOT_OURS.search(errors) or _UNADVERTISED.search(errors)
            return Fetched(refused=found[1].decode()) if found else Fetched()
        lock = [target.identifier]
        if await runtime.run_locked(lock, _deliver, service, target, staging, oids):
            return Fetched(oids)
    return Fetched()


async def advertised(runtime: Runtime, endpoint: Endpoint, target: Coordinate) -> frozenset[str]:
    """The objects that the source names in its refs; empty when it cannot be read."""
    service = runtime.service
    with _staging(service, target) as staging:
        _, output = await _git(service, staging, endpoint, b"", "ls-remote", "--quiet")
    return frozenset(line[:40].decode() for line in output.splitlines() if line[40:41] == b"\t")


def _deliver(service: Service, target: Coordinate, staging: Path, oids: frozenset[str]) -> bool:
    """Under the identifier's lock: into our repository, if there still is one."""
    if push.is_promised(service, target):
        service.repos.ensure(target)
    if not service.repos.exists(target):
        return False
    ordered = sorted(oids)
    for start in range(0, len(ordered), 500):  # keeps argv far below the kernel's limit
        part = ordered[start : start + 500]
        flags = ("--quiet", "--no-tags", "--no-write-fetch-head")
        service.repos.git(target, "fetch", *flags, str(staging), *part)
    gitdata.deliver_fetched(service, target)
    return True


@contextmanager
def _staging(service: Service, target: Coordinate) -> Iterator[Path]:
    """A bare repository that borrows the target's objects, so that only new ones travel."""
    root = service.spec.directory / "staging"
    root.mkdir(exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=root))
    try:
        (staging / "refs").mkdir()
        (staging / "objects" / "info").mkdir(parents=True)
        (staging / "HEAD").write_text("ref: refs/heads/main\n")
        if service.repos.exists(target):
            alternates = staging / "objects" / "info" / "alternates"
            alternates.write_text(f"{service.repos.path(target) / 'objects'}\n")
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


async def _git(
    service: Service, staging: Path, endpoint: Endpoint, given: bytes, *args: str
) -> tuple[int, bytes]:
    """Run git against a source; its exit code, and what it printed.

    Raises:
        NetworkFault: it took longer than CHILD_WALL_SECONDS.
    """
    pinned = f"http.curloptResolve={endpoint.host}:{endpoint.port}:{endpoint.address}"
    settings = [x for s in (*_SETTINGS, pinned) for x in ("-c", s)]
    command = service.repos.argv(None, *settings, f"--git-dir={staging}", *args, "--", endpoint.url)
    scheme = urlsplit(endpoint.url).scheme
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        _LIMITED,
        "sh",
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=service.repos.environment()
        | {"GIT_ALLOW_PROTOCOL": scheme, "GIT_ASKPASS": "/bin/false"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(CHILD_WALL_SECONDS):
            output, _ = await child.communicate(given)
    except TimeoutError:
        raise NetworkFault(f"git did not end within {CHILD_WALL_SECONDS} s") from None
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return child.returncode or 0, output
