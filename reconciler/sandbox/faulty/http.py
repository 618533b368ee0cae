"""Faults of HTTP requests: a middleware before the router, which also answers control requests."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from reconciler.sandbox.faults import Effect, Fault, Faults, Stage
from reconciler.sandbox.faulty import broken, control
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.wire import router
from reconciler.sandbox.wire.githttp import WHOLE, Listing


def middleware(runtime: Runtime, faults: Faults) -> Middleware:
    """What stands before the healthy application of one server."""

    @web.middleware
    async def suffer(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if path.startswith(control.PREFIX):
            what = path.removeprefix(control.PREFIX)
            return control.answer(runtime.service.counters, faults, request, what)
        fault = _struck(faults, request)
        if fault and (instead := await _instead(runtime, faults, request, fault)):
            return instead
        request[WHOLE] = fault is not None
        answer = await handler(request)
        if isinstance(answer, Listing):
            _shorten(faults, request, answer)
        return await broken.spoil(request, answer, fault) if fault else answer

    return suffer


def _struck(faults: Faults, request: web.Request) -> Fault | None:
    """The fault that this request meets."""
    stages = [Stage.UPGRADE if router.upgrades(request) else Stage.HTTP]
    if request.method == "POST" and request.path.endswith("/git-receive-pack"):
        stages.append(Stage.PUSH)
    return faults.strike(*stages, method=request.method, path=request.raw_path)


async def _instead(
    runtime: Runtime, faults: Faults, request: web.Request, fault: Fault
) -> web.Response | None:
    """The answer of a fault that lets no work be done."""
    match fault.effect:
        case Effect.HANG:
            await faults.outlast(lambda: runtime.stopping)
            request.protocol.force_close()
            return web.Response(status=503)
        case Effect.STATUS:
            return broken.refuse(fault)
        case Effect.RESET_REQUEST:
            return await broken.reset_request(request)
        case _:
            return None


def _shorten(faults: Faults, request: web.Request, listing: Listing) -> None:
    """Leave refs out, if a fault says so."""
    fault = faults.strike(Stage.REFS, method=request.method, path=request.raw_path)
    if fault and isinstance(listing.body, bytes):
        listing.body = broken.capped(listing.body, fault.value)
