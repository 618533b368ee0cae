"""The sandbox's own routes: what was asked of a server, and faults on demand from other processes.

    GET    /_sandbox/counters       what was asked of this server
    GET    /_sandbox/faults         the name of the first fault that is armed
    POST   /_sandbox/faults/<name>  arm it; ?times= &method= &path= &message= &seconds= &value= aim
                                    it, &add=1 keeps those that are armed
    DELETE /_sandbox/faults         be healthy again

Never subject to HTTP faults, or a fault could not be lifted; and not for web pages, whose requests
carry an Origin.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final, TypeVar

from aiohttp import web

from reconciler.errors import OurFault
from reconciler.sandbox.faults import FAULTS, Aim, Effect, Faults, Stage
from reconciler.sandbox.metrics.counters import Counters

PREFIX: Final = "/_sandbox/"
T = TypeVar("T", int, float)


def answer(counters: Counters, faults: Faults, request: web.Request, what: str) -> web.Response:
    """Answer one control request."""
    if "Origin" in request.headers:
        return web.Response(status=403, text="not for web pages")
    match request.method, what.split("/"):
        case "GET", ["counters"]:
            return web.json_response(counters.snapshot())
        case "POST", ["faults", name]:
            return _arm(faults, request, name)
        case "GET", ["faults"]:
            return web.json_response(faults.active.name)
        case "DELETE", ["faults"]:
            faults.clear()
            return web.Response(status=204)
        case _:
            return web.Response(status=404, text="not found")


def _arm(faults: Faults, request: web.Request, name: str) -> web.Response:
    try:
        aim = _aim(request)
    except ValueError:
        return web.Response(status=400, text="times, seconds and value are numbers from 0")
    if _locks_out(name, aim):
        return web.Response(status=400, text="give seconds: nobody could lift it from here")
    try:
        arm = faults.add if request.query.get("add") else faults.set
        arm(name, aim)
    except OurFault as fault:
        return web.Response(status=404, text=str(fault))
    return web.Response(status=204)


def _locks_out(name: str, aim: Aim) -> bool:
    """Would it keep control requests out for ever? Nobody who is refused is counted, so that
    `times` ends a fault of connections, and never `refuse`."""
    if name not in FAULTS or aim.seconds is not None:
        return False
    fault = FAULTS[name]
    counted = Stage.CONNECT in fault.stages
    return fault.effect is Effect.REFUSE or (counted and aim.times is None)


def _aim(request: web.Request) -> Aim:
    """Raises ValueError: a number is none, or no end."""
    query = request.query

    def number(name: str, read: Callable[[str], T]) -> T | None:
        if not query.get(name):
            return None
        found = read(query[name])
        if not 0 <= found < inf:
            raise ValueError(name)
        return found

    return Aim(
        times=number("times", int),
        method=query.get("method", ""),
        path=query.get("path", ""),
        message=query.get("message", ""),
        seconds=number("seconds", float),
        value=number("value", int),
    )
