"""git data from another server: exact objects into a staging repository, then into ours, then
through the one path for git data.

Staging is thrown away whatever happens, so a fetch that breaks off leaves nothing in a repository
that is served. The child may reach the one address that was checked, by http(s) and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reconciler.errors import NetworkFault
from reconciler.limits import CHILD_WALL_SECONDS
from reconciler.nostr.nip34 import Coordinate
from reconciler.plumbing import gitenv
from reconciler.plumbing.staging import FETCH, staging, wanted
from reconciler.sandbox.flow import gitdata, push
from reconciler.sandbox.hunt.egress import Endpoint
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.service import Service

_SETTINGS: Final = tuple(f"{name}={value}" for name, value in gitenv.STRANGERS.items())
_NOT_OURS: Final = re.compile(rb"not our ref ([0-9a-f]{40})")
_UNADVERTISED: Final = re.compile(rb"request for unadvertised object ([0-9a-f]{40})")


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
    with _staging(service, target) as stage:
        code, errors = await _git(service, stage, endpoint, wanted(oids), *FETCH, "--quiet")
        if code:
            found = _NOT_OURS.search(errors) or _UNADVERTISED.search(errors)
            return Fetched(refused=found[1].decode()) if found else Fetched()
        lock = [target.identifier]
        if await runtime.run_locked(lock, _deliver, service, target, stage, oids):
            return Fetched(oids)
    return Fetched()


async def advertised(runtime: Runtime, endpoint: Endpoint, target: Coordinate) -> frozenset[str]:
    """The objects that the source names in its refs; empty when it cannot be read."""
    service = runtime.service
    with _staging(service, target) as stage:
        _, output = await _git(service, stage, endpoint, b"", "ls-remote", "--quiet")
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


def _staging(service: Service, target: Coordinate) -> AbstractContextManager[Path]:
    """A staging repository that borrows from the target, if there is one."""
    repos = service.repos
    lender = repos.path(target) if repos.exists(target) else None
    return staging(service.spec.directory / "staging", lender)


async def _git(
    service: Service, stage: Path, endpoint: Endpoint, given: bytes, *args: str
) -> tuple[int, bytes]:
    """Run git against a source; its exit code, and what it printed.

    Raises:
        NetworkFault: it took longer than CHILD_WALL_SECONDS.
    """
    pinned = f"http.curloptResolve={endpoint.host}:{endpoint.port}:{endpoint.address}"
    settings = [x for s in (*_SETTINGS, pinned) for x in ("-c", s)]
    command = service.repos.argv(None, *settings, f"--git-dir={stage}", *args, "--", endpoint.url)
    scheme = urlsplit(endpoint.url).scheme
    child = await asyncio.create_subprocess_exec(
        *gitenv.limited(command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=service.repos.environment() | {"GIT_ALLOW_PROTOCOL": scheme},
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
