"""What web pages may read (GRASP-01, "CORS Support"), as the family has it. Pure."""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from reconciler.sandbox.family.rules import CorsRule, GitRules

_REPOSITORY: Final = re.compile(r"/npub1[a-z0-9]+/[^/]+\.git(/.*)?")
_ALLOW: Final = "Access-Control-Allow-"
_REQUEST: Final = "Access-Control-Request-"


def headers(rules: GitRules, request: web.Request) -> dict[str, str]:
    """The CORS headers of the answer to this request."""
    match rules.cors:
        case CorsRule.ORIGIN:
            return _asked(request) if "Origin" in request.headers else {}
        case CorsRule.REPOSITORIES if _path(request) == "/":
            return {}
        case CorsRule.REPOSITORIES if not _REPOSITORY.fullmatch(_path(request)):
            return _asked(request) if "Origin" in request.headers else {}
        case _:
            return {
                f"{_ALLOW}Origin": "*",
                f"{_ALLOW}Methods": rules.cors_methods,
                f"{_ALLOW}Headers": rules.cors_headers,
            }


def preflight(rules: GitRules, request: web.Request) -> web.Response:
    """The answer to OPTIONS."""
    match rules.cors:
        case CorsRule.ORIGIN if f"{_REQUEST}Method" not in request.headers:
            return web.Response(status=404, text=rules.words.bad_path)
        case CorsRule.REPOSITORIES if _path(request) == "/":
            return web.Response(status=405)
        case _:
            return web.Response(status=204)


def _asked(request: web.Request) -> dict[str, str]:
    """Everybody may; a preflight is allowed what it asks for."""
    echoed = {
        f"{_ALLOW}{name}s": request.headers.get(f"{_REQUEST}{name}{s}", "")
        for name, s in (("Method", ""), ("Header", "s"))
        if request.method == "OPTIONS"
    }
    return {f"{_ALLOW}Origin": "*"} | {name: value for name, value in echoed.items() if value}


def _path(request: web.Request) -> str:
    return request.raw_path.partition("?")[0]
