"""git smart HTTP (git: gitprotocol-http) at /<npub>/<percent-encoded identifier>.git.

The real `git` does the protocol; this module finds the repository, hands bodies over within
limits, and puts answers into HTTP. aiohttp has already undone gzip on request bodies.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import unquote

from aiohttp import web

from reconciler.errors import PeerFault
from reconciler.git import pktline
from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.limits import ADVERT_BYTES, CHILD_WALL_SECONDS, PACK_BYTES
from reconciler.nostr import nip19
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox import push
from reconciler.sandbox.dialect import Refusal
from reconciler.sandbox.repos import GitFailed
from reconciler.sandbox.runtime import Runtime

_PATH = re.compile(r"/(npub1[^/]+)/([^/]+)\.git/(info/refs|git-upload-pack|git-receive-pack)")
_PROTOCOL = re.compile(r"[a-z0-9=:._-]{1,100}")
_CHUNK: Final = 64 * 2**10
_UNCACHED: Final = {"Cache-Control": "no-cache"}
_FLUSH: Final = pktline.FLUSH.value


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL names: a repository and one of the three services."""

    coordinate: Coordinate
    service: str


class TooLarge(PeerFault):
    """A body is over its limit."""


def target(raw_path: str) -> Target | None:
    """Read a still encoded path; the identifier is decoded exactly once.

    Raises:
        PeerFault: the npub is none.
    """
    match = _PATH.fullmatch(raw_path)
    if match is None:
        return None
    pubkey = nip19.pubkey(match[1])
    try:
        identifier = unquote(match[2], errors="strict")
    except UnicodeDecodeError:
        return None
    return Target(Coordinate(pubkey, identifier), match[3])


async def handle(runtime: Runtime, request: web.Request, wanted: Target) -> web.StreamResponse:
    """Answer one git request."""
    await runtime.tidy()
    is_read = wanted.service == "info/refs"
    if request.method not in (("GET", "HEAD") if is_read else ("POST",)):
        return web.Response(status=405)
    try:
        if is_read:
            return await _info_refs(runtime, request, wanted.coordinate)
        if wanted.service == UPLOAD:
            return await _upload(runtime, request, wanted.coordinate)
        return await _receive(runtime, request, wanted.coordinate)
    except push.NoRepository:
        return web.Response(status=404, text="Git error: repository not found")
    except TooLarge as fault:
        return web.Response(status=413, text=str(fault))
    except push.Refused as fault:
        return _refused(runtime, str(fault))
    except GitFailed as fault:
        return web.Response(status=500, text=str(fault))
    except PeerFault as fault:
        return web.Response(status=400, text=str(fault))


async def _info_refs(
    runtime: Runtime, request: web.Request, coordinate: Coordinate
) -> web.StreamResponse:
    service = request.query.get("service", "")
    if service not in (UPLOAD, RECEIVE):
        return web.Response(status=403, text="only the smart protocol is served")
    runtime.service.counters.bump("info_refs")
    _require(runtime, coordinate)
    protocol = _protocol(request) if service == UPLOAD else ""
    repos = runtime.service.repos
    body = await runtime.run(
        repos.git,
        coordinate,
        service.removeprefix("git-"),
        "--stateless-rpc",
        "--http-backend-info-refs",
        str(repos.path(coordinate)),
        protocol=protocol,
    )
    if "version=2" not in protocol.split(":"):  # git http-backend: version 2 has no such header
        body = pktline.encode(f"# service={service}\n".encode()) + _FLUSH + body
    kind = f"application/x-{service}-advertisement"
    return await _send(runtime, request, body, kind)


async def _upload(
    runtime: Runtime, request: web.Request, coordinate: Coordinate
) -> web.StreamResponse:
    """Stream what `git upload-pack` says, so that a large pack never stands in memory."""
    _require(runtime, coordinate)
    runtime.service.counters.bump("fetches")
    repos = runtime.service.repos
    with tempfile.TemporaryFile() as body:
        await _spool(request, body, ADVERT_BYTES)
        body.seek(0)
        async with runtime.fetches, asyncio.timeout(CHILD_WALL_SECONDS):
            path = str(repos.path(coordinate))
            child = await asyncio.create_subprocess_exec(
                *repos.argv(coordinate, "upload-pack", "--stateless-rpc", path),
                stdin=body,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=repos.environment(_protocol(request)),
            )
            try:
                return await _stream(runtime, request, child)
            finally:
                if child.returncode is None:
                    child.kill()
                await child.wait()


async def _stream(
    runtime: Runtime, request: web.Request, child: asyncio.subprocess.Process
) -> web.StreamResponse:
    response = web.StreamResponse(headers=_UNCACHED)
    response.content_type = "application/x-git-upload-pack-result"
    await response.prepare(request)
    output = child.stdout
    while output and (chunk := await output.read(_CHUNK)):
        if runtime.service.faults.active.cut:
            await response.write(chunk[: len(chunk) // 2])
            _drop(request)
            return response
        await response.write(chunk)
    await child.wait()
    await response.write_eof()
    return response


async def _receive(
    runtime: Runtime, request: web.Request, coordinate: Coordinate
) -> web.StreamResponse:
    with tempfile.TemporaryFile() as body:
        await _spool(request, body, PACK_BYTES)
        lock = [coordinate.identifier]
        answer = await runtime.run_locked(lock, push.receive, runtime.service, coordinate, body)
    return await _send(runtime, request, answer, "application/x-git-receive-pack-result")


async def _spool(request: web.Request, file: IO[bytes], limit: int) -> None:
    """Put a request body on disk.

    Raises:
        TooLarge: it has more than `limit` bytes.
    """
    size = 0
    async with asyncio.timeout(CHILD_WALL_SECONDS):
        async for chunk in request.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"the request is larger than {limit} bytes")
            file.write(chunk)
    file.flush()


async def _send(
    runtime: Runtime, request: web.Request, body: bytes, kind: str
) -> web.StreamResponse:
    """A whole answer; under the fault `cut`, its first half and a closed connection."""
    if not runtime.service.faults.active.cut:
        return web.Response(body=body, content_type=kind, headers=_UNCACHED)
    response = web.StreamResponse(headers=_UNCACHED)
    response.content_type = kind
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    _drop(request)
    return response


def _drop(request: web.Request) -> None:
    if request.transport:
        request.transport.close()


def _refused(runtime: Runtime, reason: str) -> web.Response:
    text = f"authorisation failed: {reason}"
    if runtime.service.dialect.refusal is Refusal.FORBIDDEN:
        return web.Response(status=403, text=text)
    line = pktline.encode(b"ERR " + text.encode("utf-8", "replace")[:60_000])
    kind = "application/x-git-receive-pack-result"
    return web.Response(body=line, content_type=kind, headers=_UNCACHED)


def _require(runtime: Runtime, coordinate: Coordinate) -> None:
    if not runtime.service.repos.exists(coordinate):
        raise push.NoRepository("repository not found")


def _protocol(request: web.Request) -> str:
    """The Git-Protocol header, if it is harmless enough for an environment variable."""
    value = request.headers.get("Git-Protocol", "")
    return value if _PROTOCOL.fullmatch(value) else ""
