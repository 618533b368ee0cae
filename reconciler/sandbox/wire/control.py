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
from typing import Final, TypeVar

from aiohttp import web

from reconciler.errors import OurFault
from reconciler.sandbox.faults import FAULTS, Aim, Stage
from reconciler.sandbox.service import Service

PREFIX: Final = "/_sandbox/"
T = TypeVar("T", int, float)


def answer(service: Service, request: web.Request, what: str) -> web.Response:
    """Answer one control request."""
    if "Origin" in request.headers:
        return web.Response(status=403, text="not for web pages")
    match request.method, what.split("/"):
        case "GET", ["counters"]:
            return web.json_response(service.counters.snapshot())
        case "POST", ["faults", name]:
            return _arm(service, request, name)
        case "GET", ["faults"]:
            return web.json_response(service.faults.active.name)
        case "DELETE", ["faults"]:
            service.faults.clear()
            return web.Response(status=204)
        case _:
            return web.Response(status=404, text="not found")


def _arm(service: Service, request: web.Request, name: str) -> web.Response:
    try:
        aim = _aim(request)
    except ValueError:
        return web.Response(status=400, text="times, seconds and value are numbers")
    if _locks_out(name) and aim.seconds is None and aim.times is None:
        return web.Response(status=400, text="give seconds: nobody could lift it from here")
    try:
        arm = service.faults.add if request.query.get("add") else service.faults.set
        arm(name, aim)
    except OurFault as fault:
        return web.Response(status=404, text=str(fault))
    return web.Response(status=204)


def _locks_out(name: str) -> bool:
    """Does it keep control requests out, too?"""
    return name == "refuse" or (name in FAULTS and Stage.CONNECT in FAULTS[name].stages)


def _aim(request: web.Request) -> Aim:
    """Raises ValueError: a number is none."""
    query = request.query

    def number(name: str, read: Callable[[str], T]) -> T | None:
        return read(query[name]) if query.get(name) else None

    return Aim(
        times=number("times", int),
        method=query.get("method", ""),
        path=query.get("path", ""),
        message=query.get("message", ""),
        seconds=number("seconds", float),
        value=number("value", int),
    )
