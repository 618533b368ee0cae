"""HTTP answers, broken the way a fault says. The work has been done when one comes here.

Only whole answers can be broken; `githttp.WHOLE` asks for one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Final

from aiohttp import web

from reconciler.errors import PeerFault
from reconciler.git import pktline, receive_pack
from reconciler.git.pktline import Packet
from reconciler.sandbox.faults import Effect, Fault
from reconciler.sandbox.wire import refused

_PAUSE_SECONDS: Final = 0.01
"""Between two pieces of a slow answer."""


def refuse(fault: Fault) -> web.Response:
    """A status instead of all work."""
    later = fault.retry_after
    headers = {} if later is None else {"Retry-After": str(later)}
    return web.Response(status=fault.status, text="a fault was asked for", headers=headers)


async def reset_request(request: web.Request) -> web.Response:
    """Read a part of the body, if there is one, then end the connection hard."""
    if request.can_read_body:
        await request.content.readany()
    reset(request.transport)
    return web.Response(status=503)


async def spoil(
    request: web.Request, response: web.StreamResponse, fault: Fault
) -> web.StreamResponse:
    """The answer as the fault leaves it. What is not a whole answer passes."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    body = response.body
    match fault.effect:
        case Effect.CUT | Effect.RESET_ANSWER:
            return await _half(request, response, body, hard=fault.effect is Effect.RESET_ANSWER)
        case Effect.SLOW:
            return await _slowly(request, response, body, max(1, fault.value))
        case Effect.TRUNCATE:
            return _like(response, body[: len(body) // 2])
        case Effect.DUPLICATE:
            return _like(response, body + body)
        case Effect.WRONG_TYPE:
            return web.Response(status=response.status, body=body, content_type="text/html")
        case Effect.DONE_STATUS:
            return refuse(fault)
        case Effect.LOCKED_REF if response.status == HTTPStatus.OK:
            return _like(response, locked(body))
        case _:
            return response


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a TCP connection with RST: close with a linger time of zero (socket(7))."""
    if isinstance(transport, asyncio.Transport):
        plain = transport.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def capped(listing: bytes, most: int) -> bytes:
    """A listing of refs (both forms: advertisement and answer to `ls-refs`) with its first `most`
    refs, and no word about the others. At least one stays: the first line of v0 carries the
    server's capabilities. HEAD and what tags point to go uncounted.

    Raises:
        PeerFault: it is no sequence of pkt-lines.
    """
    kept: list[Packet] = []
    left = max(1, most)
    for packet in pktline.parse_all(listing):
        name = _ref(packet)
        if name and not name.endswith(b"^{}"):
            left -= 1
        if not name or left >= 0:
            kept.append(packet)
    return pktline.encode_all(kept)


def locked(answer: bytes) -> bytes:
    """What git would have said to a push that it took, had somebody else held each ref's lock."""
    try:
        report = receive_pack.parse_report(answer)
    except PeerFault:
        return answer
    if not report.accepted:
        return answer
    names = sorted({*report.accepted, *(name for name, _ in report.refused)})
    band = {"side-band-64k"} if answer[4:5] in (b"\1", b"\2") else set()
    why = "cannot lock ref: it is at another object than expected"
    return refused.report(tuple(names), frozenset({"report-status"} | band), why)


async def _half(
    request: web.Request, whole: web.Response, body: bytes, *, hard: bool
) -> web.StreamResponse:
    answer = await _begun(request, whole, len(body))
    await answer.write(body[: len(body) // 2])
    if hard:
        await asyncio.sleep(_PAUSE_SECONDS)  # RST would overtake what is not sent yet
        reset(request.transport)
    elif request.transport:
        request.transport.close()
    return answer


async def _slowly(
    request: web.Request, whole: web.Response, body: bytes, step: int
) -> web.StreamResponse:
    answer = await _begun(request, whole, len(body))
    for at in range(0, len(body), step):
        await answer.write(body[at : at + step])
        await asyncio.sleep(_PAUSE_SECONDS)
    await answer.write_eof()
    return answer


async def _begun(request: web.Request, whole: web.Response, size: int) -> web.StreamResponse:
    answer = web.StreamResponse(status=whole.status)
    answer.content_type = whole.content_type
    answer.content_length = size
    await answer.prepare(request)
    return answer


def _like(whole: web.Response, body: bytes) -> web.Response:
    return web.Response(status=whole.status, body=body, content_type=whole.content_type)


def _ref(packet: Packet) -> bytes:
    """The ref that a line is about; nothing for HEAD, marks and headers."""
    if not isinstance(packet, bytes):
        return b""
    words = packet.split(b"\0")[0].split()
    return words[1] if len(words) > 1 and words[1].startswith(b"refs/") else b""
