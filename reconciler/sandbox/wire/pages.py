"""The web page of a repository, at its clone URL (GRASP-01: SHOULD)."""

from __future__ import annotations

from html import escape

from aiohttp import web

from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.flow import push
from reconciler.sandbox.runtime import Runtime


async def page(runtime: Runtime, request: web.Request, coordinate: Coordinate) -> web.Response:
    """A page where a repository is hosted, 404 elsewhere."""
    if request.method not in ("GET", "HEAD"):
        return web.Response(status=405)
    await runtime.tidy()
    service = runtime.service
    known = service.repos.exists(coordinate)
    if not known and not await runtime.run(push.is_promised, service, coordinate):
        return web.Response(status=404, text=service.family.git.words.missing)
    name = escape(coordinate.identifier)
    body = f"<!DOCTYPE html>\n<title>{name}</title>\n<h1>{name}</h1>\n<p>A git repository.</p>\n"
    return web.Response(body=body.encode(), content_type="text/html")
