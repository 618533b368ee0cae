"""One HTTP exchange with a server on trial, bounded in time and size."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

_SECONDS = 10.0
_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.content)


def exchange(method: str, url: str, **more: Any) -> Answer:
    """One request. No redirect is followed and no proxy asked.

    Raises:
        requests.RequestException, OSError: nothing usable arrived, or too slowly, or too much.
    """
    end = time.monotonic() + _SECONDS
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method, url, timeout=_SECONDS, allow_redirects=False, stream=True, **more
        )
        body = bytearray()
        for part in answer.iter_content(2**16):
            body += part
            if len(body) > _BYTES or time.monotonic() > end:
                raise TimeoutError(f"{method} {url}: no end after {len(body)} bytes")
        return Answer(answer.status_code, answer.headers, bytes(body))
