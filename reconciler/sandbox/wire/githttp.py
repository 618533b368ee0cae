"""git smart HTTP (git: gitprotocol-http) at /<npub>/<percent-encoded identifier>.git.

The real `git` does the protocol; this module finds the repository, hands bodies over within
limits, and puts answers into HTTP.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import zlib
from dataclasses import dataclass
from typing import IO, Final
from urllib.parse import unquote

from aiohttp import web

from reconciler.errors import PeerFault
from reconciler.git import pktline
from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.limits import ADVERT_BYTES, CHILD_WALL_SECONDS
from reconciler.nostr import nip19
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.family.rules import DumbRule, GitRules, ServiceQuery
from reconciler.sandbox.family.words import PushWords
from reconciler.sandbox.flow import push
from reconciler.sandbox.repos import GitFailed
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.wire import refused

_PATH = re.compile(r"/(npub1[^/]*)/([^/]+?)(?:/(info/refs|git-upload-pack|git-receive-pack))?")
_SUFFIX = ".git"
_PROTOCOL = re.compile(r"[a-z0-9=:._-]{1,100}")
_CHUNK: Final = 64 * 2**10
_RESULT: Final = "application/x-git-upload-pack-result"
_UNCACHED: Final = {"Cache-Control": "no-cache"}
_FLUSH: Final = pktline.FLUSH.value
_GZIP: Final = 31
"""zlib's window size, with the gzip header."""
_LS_REFS: Final = b"command=ls-refs"
"""The first line of an upload-pack request that asks for refs (gitprotocol-v2)."""

WHOLE: Final = web.RequestKey("whole", bool)
"""Set by a middleware that changes the answer: then it does not stream."""


class Listing(web.Response):
    """Refs, as a client is going to believe them."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL names: a repository and one of the three services, or none for its page."""

    coordinate: Coordinate
    service: str


class TooLarge(PeerFault):
    """A body is over its limit."""


class BadName(PeerFault):
    """An identifier that the family's git side does not serve."""


def target(rules: GitRules, raw_path: str) -> Target | None:
    """Read a still encoded path; the identifier is decoded exactly once.

    Raises:
        PeerFault: the npub is none.
        BadName: the identifier is outside the family's pattern.
    """
    match = _PATH.fullmatch(raw_path)
    optional = rules.suffix_optional and match is not None and match[3]
    if match is None or not (match[2].endswith(_SUFFIX) or optional):
        return None
    pubkey = nip19.pubkey(match[1])
    try:
        identifier = unquote(match[2].removesuffix(_SUFFIX), errors="strict")
    except UnicodeDecodeError:
        return None
    if rules.identifiers and not re.fullmatch(rules.identifiers, identifier):
        raise BadName(rules.words.bad_identifier)
    return Target(Coordinate(pubkey, identifier), match[3] or "")


async def handle(runtime: Runtime, request: web.Request, wanted: Target) -> web.StreamResponse:
    """Answer one git request."""
    await runtime.tidy()
    rules = runtime.service.family.git
    is_read = wanted.service == "info/refs"
    reads = ("GET", "HEAD") if rules.head_requests else ("GET",)
    if request.method not in (reads if is_read else ("POST",)):
        return web.Response(status=405)
    if wanted.service in rules.typed and (got := _other_type(request, wanted.service)) is not None:
        want = f"application/x-{wanted.service}-request"
        return web.Response(status=415, text=rules.words.bad_type.format(want=want, got=got))
    try:
        if is_read:
            return await _info_refs(runtime, request, wanted.coordinate)
        if wanted.service == UPLOAD:
            return await _upload(runtime, request, wanted.coordinate)
        return await _receive(runtime, request, wanted.coordinate)
    except push.NoRepository as fault:
        return web.Response(status=404, text=str(fault))
    except TooLarge as fault:
        return web.Response(status=413, text=str(fault))
    except push.Refused as fault:
        return refused.response(rules, fault)
    except GitFailed as fault:
        return web.Response(status=500, text=str(fault))
    except PeerFault as fault:
        return web.Response(status=400, text=str(fault))


def _other_type(request: web.Request, service: str) -> str | None:
    """The Content-Type of a request, if it is not what its service asks for."""
    got = request.headers.get("Content-Type", "")
    return None if got == f"application/x-{service}-request" else got


async def _info_refs(
    runtime: Runtime, request: web.Request, coordinate: Coordinate
) -> web.StreamResponse:
    service = _asked_service(runtime.service.family.git.query, request)
    if service not in (UPLOAD, RECEIVE):
        return await _dumb(runtime, coordinate)
    runtime.service.counters.bump("info_refs")
    kind = f"application/x-{service}-advertisement"
    header = pktline.encode(f"# service={service}\n".encode()) + _FLUSH
    if await _is_promised(runtime, coordinate):
        return _whole(header + _FLUSH, kind)
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
        return Listing(body=header + body, content_type=kind, headers=_UNCACHED)
    return _whole(body, kind)


async def _dumb(runtime: Runtime, coordinate: Coordinate) -> web.Response:
    """What a client without the smart protocol gets (gitprotocol-http, "Dumb Clients")."""
    rules, repos = runtime.service.family.git, runtime.service.repos
    match rules.dumb:
        case DumbRule.FORBIDDEN:
            return web.Response(status=403, text=rules.words.dumb)
        case DumbRule.MISSING:
            raise push.NoRepository(rules.words.missing)
        case DumbRule.LISTED:
            refs = await runtime.run(repos.refs, coordinate)
            text = "".join(f"{oid}\t{name}\n" for name, oid in refs.items())
            return _whole(text.encode("utf-8", "surrogateescape"), "text/plain")
        case DumbRule.NAMELESS:
            body = pktline.encode(b"# service=\n") + _FLUSH
            return _whole(body, "application/x--advertisement")


def _asked_service(rule: ServiceQuery, request: web.Request) -> str:
    """The `service` parameter, where the family looks for it."""
    found = request.query.getall("service", [])
    first = next(iter(request.query), "")
    if rule is ServiceQuery.ONLY and (first != "service" or len(request.query) != 1):
        return ""
    return found[0] if found else ""


async def _is_promised(runtime: Runtime, coordinate: Coordinate) -> bool:
    """Announced, and the first push will make it. Raises NoRepository when there is neither."""
    if runtime.service.repos.exists(coordinate):
        return False
    if await runtime.run(push.is_promised, runtime.service, coordinate):
        return True
    raise push.NoRepository(runtime.service.family.git.words.missing)


async def _upload(
    runtime: Runtime, request: web.Request, coordinate: Coordinate
) -> web.StreamResponse:
    """Stream what `git upload-pack` says, so that a large pack never stands in memory."""
    repos, words = runtime.service.repos, runtime.service.family.git.words
    if not repos.exists(coordinate):
        raise push.NoRepository(words.missing)
    runtime.service.counters.bump("fetches")
    with tempfile.TemporaryFile() as body:
        await _spool(request, words, body, ADVERT_BYTES, gunzips=True)
        body.seek(0)
        # not read(): its buffer would leave the child's offset behind what was looked at
        lists = os.pread(body.fileno(), len(_LS_REFS), 4) == _LS_REFS
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
                if lists:
                    refs = await _output(child)
                    return Listing(body=refs, content_type=_RESULT, headers=_UNCACHED)
                return await _stream(request, child)
            finally:
                if child.returncode is None:
                    child.kill()
                await child.wait()


async def _stream(request: web.Request, child: asyncio.subprocess.Process) -> web.StreamResponse:
    """The child's output as it comes."""
    output = child.stdout
    if request.get(WHOLE):
        return _whole(await _output(child), _RESULT)
    response = web.StreamResponse(headers=_UNCACHED)
    response.content_type = _RESULT
    await response.prepare(request)
    while output and (chunk := await output.read(_CHUNK)):
        await response.write(chunk)
    await child.wait()
    await response.write_eof()
    return response


async def _output(child: asyncio.subprocess.Process) -> bytes:
    """All of it, and the child's end: to kill one that is ending would take its status away from
    asyncio, which complains."""
    output, _ = await child.communicate()
    return output


async def _receive(
    runtime: Runtime, request: web.Request, coordinate: Coordinate
) -> web.StreamResponse:
    rules = runtime.service.family.git
    with tempfile.TemporaryFile() as body:
        zipped = rules.gunzips_pushes
        await _spool(request, rules.words, body, rules.body_bytes, gunzips=zipped)
        lock = [coordinate.identifier]
        answer = await runtime.run_locked(lock, push.receive, runtime.service, coordinate, body)
    return _whole(answer, "application/x-git-receive-pack-result")


async def _spool(
    request: web.Request, words: PushWords, file: IO[bytes], limit: int, *, gunzips: bool
) -> None:
    """Put a request body on disk, decompressed where the family does so.

    Raises:
        TooLarge: it has more than `limit` bytes.
        PeerFault: it is no gzip although it says so.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge(words.large_body.format(bytes=limit))
    zipped = gunzips and request.headers.get("Content-Encoding", "") in ("gzip", "x-gzip")
    unzip = zlib.decompressobj(_GZIP) if zipped else None
    size = 0
    async with asyncio.timeout(CHILD_WALL_SECONDS):
        async for chunk in request.content.iter_chunked(_CHUNK):
            try:
                plain = unzip.decompress(chunk, limit + 1) if unzip else chunk
            except zlib.error:
                raise PeerFault(words.bad_gzip) from None
            size += len(plain)
            if size > limit:
                raise TooLarge(words.large_body.format(bytes=limit))
            file.write(plain)
    file.flush()


def _whole(body: bytes, kind: str) -> web.Response:
    return web.Response(body=body, content_type=kind, headers=_UNCACHED)


def _protocol(request: web.Request) -> str:
    """The Git-Protocol header, if it is harmless enough for an environment variable."""
    value = request.headers.get("Git-Protocol", "")
    return value if _PROTOCOL.fullmatch(value) else ""
