"""Git requests, counted and timed for /metrics on their way to `githttp`."""

from __future__ import annotations

import time
from typing import Final

from aiohttp import web

from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.wire import githttp
from reconciler.sandbox.wire.githttp import Target

_OPERATIONS: Final = {"info/refs": "info_refs", UPLOAD: "fetch", RECEIVE: "push"}


async def measured(runtime: Runtime, request: web.Request, target: Target) -> web.StreamResponse:
    """Answer a git request and write down how it went."""
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
