"""One port for everything: WebSocket and NIP-11 at `/`, git below `/<npub>/`, metrics.

/                       relay (upgrade), NIP-11 (Accept), or a line of text
/<npub>/<id>.git        a web page
/<npub>/<id>.git/…      git smart HTTP
/metrics                Prometheus
"""

from __future__ import annotations

import time
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from reconciler.errors import PeerFault
from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.sandbox.metrics import metrics
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.wire import cors, githttp, nip11, pages
from reconciler.sandbox.wire.connections import Connections

_NOSTR_JSON: Final = "application/nostr+json"
_OPERATIONS: Final = {"info/refs": "info_refs", UPLOAD: "fetch", RECEIVE: "push"}
"""What /metrics calls the git services."""


def application(
    runtime: Runtime, connections: Connections, *middlewares: Middleware
) -> web.Application:
    """The aiohttp application of one server, behind these middlewares."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _route(runtime, connections, request)

    async def open_to_pages(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(cors.headers(runtime.service.family.git, request))

    app = web.Application(middlewares=middlewares)
    app.router.add_route("*", "/{tail:.*}", handle)
    app.on_response_prepare.append(open_to_pages)
    return app


async def _route(
    runtime: Runtime, connections: Connections, request: web.Request
) -> web.StreamResponse:
    path = request.raw_path.partition("?")[0]
    if request.method == "OPTIONS":
        return cors.preflight(runtime.service.family.git, request)
    info = runtime.service.family.info
    if path == "/metrics" and info.metrics:
        headers = {"Content-Type": metrics.CONTENT_TYPE}
        return web.Response(body=runtime.service.metrics.text(), headers=headers)
    if path == "/" or (info.any_path and (upgrades(request) or _wants_document(request))):
        return await _front(runtime, connections, request)
    return await _git(runtime, request, path)


async def _front(
    runtime: Runtime, connections: Connections, request: web.Request
) -> web.StreamResponse:
    info = runtime.service.family.info
    if upgrades(request):
        plain = request.headers.get("Connection", "").lower() == "upgrade"
        if plain or not info.plain_upgrade:
            return await connections.serve(runtime, request)
    exactly = request.headers.get("Accept") == _NOSTR_JSON
    if exactly or (_wants_document(request) and not info.exact_accept):
        text = nip11.document(runtime.service)
        return web.Response(body=text.encode(), content_type=_NOSTR_JSON)
    return web.Response(text=f"{runtime.service.spec.name}: a nostr relay for git repositories\n")


async def _git(runtime: Runtime, request: web.Request, path: str) -> web.StreamResponse:
    rules = runtime.service.family.git
    try:
        target = githttp.target(rules, path)
    except githttp.BadName as fault:
        return web.Response(status=400, text=str(fault))
    except PeerFault:
        read, write = rules.bad_npub
        return web.Response(
            status=write if request.method == "POST" else read, text=rules.words.bad_npub
        )
    if target is None or not runtime.service.spec.grasp:
        return web.Response(status=404, text=rules.words.bad_path)
    if not target.service:
        return await pages.page(runtime, request, target.coordinate)
    return await _measured(runtime, request, target)


async def _measured(
    runtime: Runtime, request: web.Request, target: githttp.Target
) -> web.StreamResponse:
    """Answer a git request, counted and timed for /metrics."""
    instruments = runtime.service.metrics
    operation = _OPERATIONS[target.service]
    began = time.monotonic()
    answer = await githttp.handle(runtime, request, target)
    instruments.git_seconds.labels(operation).observe(time.monotonic() - began)
    status = "success" if answer.status == 200 else "error"
    instruments.git.labels(operation, status).inc()
    instruments.git_bytes.labels("in").inc(request.content.total_bytes)
    if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
        instruments.git_bytes.labels("out").inc(len(answer.body))
    return answer


def upgrades(request: web.Request) -> bool:
    """Does it open a WebSocket?"""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _wants_document(request: web.Request) -> bool:
    return _NOSTR_JSON in request.headers.get("Accept", "")
