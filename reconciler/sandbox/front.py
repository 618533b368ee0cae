"""One port for everything: WebSocket and NIP-11 at `/`, git below `/<npub>/`, and control.

    /                       relay (upgrade), NIP-11 (Accept), or a line of text
    /<npub>/<id>.git/…      git smart HTTP
    /_sandbox/counters      GET: what was asked of this server
    /_sandbox/faults/<name> POST: show a fault
    /_sandbox/faults        GET: the fault's name; DELETE: be healthy again

CORS is open on every answer (GRASP-01), except that control refuses requests of web pages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from reconciler.errors import OurFault, PeerFault
from reconciler.sandbox import githttp, nip11
from reconciler.sandbox.relay import Hub
from reconciler.sandbox.runtime import Runtime

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
}
_CONTROL: Final = "/_sandbox/"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(runtime: Runtime, hub: Hub) -> web.Application:
    """The aiohttp application of one server."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _dispatch(runtime, hub, request)

    async def open_to_all(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(CORS)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    app.on_response_prepare.append(open_to_all)
    return app


async def _dispatch(runtime: Runtime, hub: Hub, request: web.Request) -> web.StreamResponse:
    path = request.raw_path.partition("?")[0]
    if path.startswith(_CONTROL):
        return _control(runtime, request, path.removeprefix(_CONTROL))
    faults = runtime.service.faults
    if faults.active.hang:
        await runtime.outlast_hang()
        request.protocol.force_close()
        return web.Response(status=503)
    if faults.active.status is not None:
        return web.Response(status=faults.active.status, text="a fault was asked for")
    if request.method == "OPTIONS":
        return web.Response(status=204)
    if path == "/":
        return await _front(runtime, hub, request)
    return await _git(runtime, request, path)


async def _front(runtime: Runtime, hub: Hub, request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return await hub.serve(runtime, request)
    if "application/nostr+json" in request.headers.get("Accept", ""):
        text = nip11.document(runtime.service)
        return web.Response(text=text, content_type="application/nostr+json")
    return web.Response(text=f"{runtime.service.spec.name}: a nostr relay for git repositories\n")


async def _git(runtime: Runtime, request: web.Request, path: str) -> web.StreamResponse:
    try:
        target = githttp.target(path)
    except PeerFault:
        status = 400 if request.method == "POST" else 404
        return web.Response(status=status, text="Invalid npub")
    if target is None or not runtime.service.spec.grasp:
        return web.Response(status=404, text="not found")
    return await githttp.handle(runtime, request, target)


def _control(runtime: Runtime, request: web.Request, what: str) -> web.Response:
    """Never subject to faults, or a fault could not be lifted."""
    if "Origin" in request.headers:
        return web.Response(status=403, text="not for web pages")
    service = runtime.service
    match request.method, what.split("/"):
        case "GET", ["counters"]:
            return web.json_response(service.counters.snapshot())
        case "POST", ["faults", name]:
            try:
                service.faults.set(name)
            except OurFault as fault:
                return web.Response(status=404, text=str(fault))
            return web.Response(status=204)
        case "GET", ["faults"]:
            return web.json_response(service.faults.active.name)
        case "DELETE", ["faults"]:
            service.faults.clear()
            return web.Response(status=204)
        case _:
            return web.Response(status=404, text="not found")
