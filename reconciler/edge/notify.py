"""One message to a webhook of the operator's: short, tried three times, in no run's way."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

import requests

from reconciler.nostr.strictjson import Json

_TRIES: Final = 3
_SECONDS: Final = 10.0


def notify(url: str, document: Json, *, pause: float = 1.0) -> str:
    """POST a JSON document; why it did not arrive, else nothing.

    No redirect is followed and no proxy or credential of the environment used. Only the host is
    told: such addresses hold secrets.

    Args:
        url: http:// or https://; the operator's own word, so any network will do.
        document: what is sent.
        pause: seconds before the second try, doubled before the third.
    """
    host = urlsplit(url).hostname or "nowhere"
    why = ""
    for attempt in range(_TRIES):
        time.sleep(pause * 2 ** (attempt - 1) if attempt else 0)
        try:
            _post(url, document)
        except requests.HTTPError as error:
            why = f"{host}: HTTP {error.response.status_code}"
            if not _passing(error):
                return why
        except (requests.RequestException, ValueError) as error:
            why = f"{host}: {type(error).__name__}"
            if not _passing(error):
                return why
        else:
            return ""
    return why


def _post(url: str, document: Json) -> None:
    with requests.Session() as session:
        session.trust_env = False
        # the body is of no interest, and is not read
        with session.post(
            url, json=document, timeout=_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            answer.raise_for_status()
            if answer.is_redirect:
                raise requests.HTTPError(response=answer)


def _passing(error: BaseException) -> bool:
    """Is another try worth it? A refusal (4xx but 429) stays one."""
    if isinstance(error, requests.HTTPError):
        return error.response.status_code >= 500 or error.response.status_code == 429
    return isinstance(error, requests.RequestException) and not isinstance(
        error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL
    )
