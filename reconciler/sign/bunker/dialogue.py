"""Requests to a remote signer and its answers, as values (NIP-46, kind 24133). Opens nothing.

An answer counts only when it verifies, is by the pinned signer, is for us alone, is fresh, can be
decrypted and names a request that waits. Everything else is ignored and counted: whoever can write
to a relay can send it, and must not be able to end a request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.errors import PeerFault
from reconciler.limits import PEER_TEXT_CHARS
from reconciler.nostr import bip340
from reconciler.nostr.event import Draft, Event, seal, verify_text
from reconciler.nostr.strictjson import dumps, loads
from reconciler.sign import nip44
from reconciler.sign.secret import Secret

REQUEST: Final = 24133
"""The kind of requests and answers; relays pass it on and do not store it (NIP-01, ephemeral)."""
_SKEW_SECONDS: Final = 10 * 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a remote signer said to one request: `result`, or `error` where it refused."""

    request: str
    result: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One question, by an id that nobody can guess; `asked` is in seconds since 1970."""

    id: str
    method: str
    params: tuple[str, ...]
    asked: int


class Dialogue:
    """One client's talk with one remote signer; `ignored` counts what did not count, by reason.

    `remote` None: whoever repeats the invitation's secret becomes it.
    """

    def __init__(self, client: Secret, remote: str | None, *, secret: str = "") -> None:
        self.client = bip340.public_key(client.reveal()).hex()
        self.remote = remote
        self.ignored: Counter[str] = Counter()
        self.page = ""
        """Where a person must go before the signer answers: the host of its `auth_url`."""
        self._key = client
        self._secret = secret
        self._waiting: dict[str, Request] = {}

    def request(self, request: Request, *, at: int, nonce: bytes) -> Event:
        """The event that asks; its answer is waited for from now on."""
        if self.remote is None:
            raise PeerFault("nobody is there to be asked yet")
        self._waiting[request.id] = request
        body = {"id": request.id, "method": request.method, "params": list(request.params)}
        text = nip44.encrypt(nip44.conversation_key(self._key, self.remote), dumps(body), nonce)
        draft = Draft(self.client, at, REQUEST, (("p", self.remote),), text)
        return seal(draft, bip340.sign(self._key.reveal(), bytes.fromhex(draft.id)))

    def hear(self, event: Event, *, now: int) -> Answer | None:
        """The answer that an event is; None where it is none that counts."""
        try:
            return self._answer(event, now)
        except PeerFault as fault:
            self.ignored[str(fault)] += 1
            return None

    def signed(self, answer: Answer, draft: Draft) -> Event | None:
        """The event that an answer holds, when it is the one that was asked for: same author, kind,
        time, tags and content, and a signature that holds. Else the request waits on."""
        try:
            event = verify_text(answer.result)
            said = Draft(event.pubkey, event.created_at, event.kind, event.tags, event.content)
            if said != draft:
                raise PeerFault("another event than asked for was signed")
        except PeerFault as fault:
            self.ignored[str(fault)] += 1
            return None
        self._waiting.pop(answer.request, None)
        return event

    def _answer(self, event: Event, now: int) -> Answer | None:
        if event.kind != REQUEST:
            raise PeerFault("another kind")
        if self.remote is not None and event.pubkey != self.remote:
            raise PeerFault("by somebody else")
        if event.values("p") != (self.client,):
            raise PeerFault("not for us alone")
        oldest = min((request.asked for request in self._waiting.values()), default=now)
        if not min(oldest, now) - _SKEW_SECONDS <= event.created_at <= now + _SKEW_SECONDS:
            raise PeerFault("not of this time")
        body = self._opened(event)
        if self.remote is None:
            return self._introduced(event, body)
        name, result, error = body
        if name not in self._waiting:
            raise PeerFault("to no request that waits")
        if result == "auth_url":
            self.page = _host(error)
            return None
        return Answer(name, result, error)

    def _introduced(self, event: Event, body: tuple[str, str, str]) -> Answer:
        """The first answer to an invitation names who answers from now on."""
        _, result, error = body
        if not self._secret or result != self._secret or error:
            raise PeerFault("without the invitation's secret")
        self.remote = event.pubkey
        return Answer(body[0], result)

    def _opened(self, event: Event) -> tuple[str, str, str]:
        """Id, result and error of a message."""
        key = nip44.conversation_key(self._key, event.pubkey)
        match loads(nip44.decrypt(key, event.content)):
            case {"id": str(name), "result": str() | None as result, **rest}:
                error = rest.get("error") or ""
            case {"id": str(name), "error": str(error)}:
                result = None
            case _:
                raise PeerFault("no answer by its shape")
        if not isinstance(error, str):
            raise PeerFault("no answer by its shape")
        return name, result or "", error[:PEER_TEXT_CHARS]


def sign_params(draft: Draft) -> tuple[str, ...]:
    """The parameters of `sign_event`."""
    tags: Sequence[Sequence[str]] = [list(tag) for tag in draft.tags]
    fields = {
        "kind": draft.kind,
        "content": draft.content,
        "tags": tags,
        "created_at": draft.created_at,
        "pubkey": draft.pubkey,
    }
    return (dumps(fields),)


def _host(url: str) -> str:
    """The host of a URL, for a person; never the rest, and never opened."""
    scheme, separator, rest = url.partition("://")
    if scheme not in ("https", "http") or not separator:
        return ""
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return host if host.isascii() and host.isprintable() and " " not in host else ""
