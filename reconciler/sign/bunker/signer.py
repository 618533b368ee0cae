"""The signer whose keys are elsewhere: asks, waits a while, and leaves the rest to a later run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from reconciler.errors import NotSigned, OurFault
from reconciler.limits import APPROVAL_AGAIN_SECONDS, APPROVAL_WAIT_SECONDS
from reconciler.nostr.event import Draft, Event
from reconciler.nostr.filters import Filter
from reconciler.sign.bunker.dialogue import REQUEST, Answer, Dialogue, Request, sign_params
from reconciler.sign.bunker.pairing import Pairing
from reconciler.sign.bunker.queue import Asked, Queue
from reconciler.sign.keyfile import SIGNED_KINDS
from reconciler.sign.nip44 import NONCE_BYTES

_ID_BYTES = 16


class Wire(Protocol):
    """The relays of one remote signer."""

    def exchange(
        self,
        wanted: Filter,
        events: Sequence[Event],
        hear: Callable[[Event], bool],
        *,
        seconds: float,
        ready: Callable[[], None] = ...,
    ) -> None:
        """Listen for what is wanted, say when one is `ready`, then send the events; `hear` each
        that comes, one at a time, until it says that this is enough or the time is over. Events
        verify and match.

        Raises ReconcileError: no relay can be reached.
        """


class BunkerSigner:
    """Signs by asking. One request at a time; after the first that nobody answers in time, the
    others of the run are sent and hardly waited for."""

    def __init__(
        self,
        pairings: Mapping[str, Pairing],
        wire: Callable[[Pairing], Wire],
        queue: Queue,
        *,
        wait: float = APPROVAL_WAIT_SECONDS,
    ) -> None:
        self._pairings = pairings
        self._wire = wire
        self._queue = queue
        self._wait = wait

    @property
    def names(self) -> tuple[str, ...]:
        """What the paired keys are called."""
        return tuple(self._pairings)

    def public_key(self, name: str) -> str | None:
        """Whose signature a pairing gives; None when there is none of that name."""
        found = self._pairings.get(name)
        return found.user if found else None

    def sign(self, name: str, draft: Draft) -> Event:
        """The signed draft, verified and the very one that was asked for.

        Raises:
            NotSigned: nobody has approved it yet, or somebody refused.
            OurFault: no such pairing, another kind or another author: the planner is wrong.
            OSError: the request cannot be written down.
        """
        pairing = self._pairings.get(name)
        if pairing is None or draft.pubkey != pairing.user or draft.kind not in SIGNED_KINDS:
            raise OurFault("this is never asked of a remote signer")
        asked = self._asked(name, draft)
        if asked.refused:
            raise NotSigned(f"{name} refused to sign: {asked.refused}")
        event = self._ask(pairing, asked)
        self._queue.drop(asked.request, now=_now())
        return event

    def _asked(self, name: str, draft: Draft) -> Asked:
        """The request for this very event, an earlier run's where there is one."""
        now = _now()
        for row in self._queue.rows(now=now):
            if row.signer == name and row.draft == draft:
                return row
        fresh = Asked(signer=name, request=secrets.token_hex(_ID_BYTES), draft=draft, asked=now)
        self._queue.put(fresh, now=now)
        return fresh

    def _ask(self, pairing: Pairing, asked: Asked) -> Event:
        dialogue = Dialogue(pairing.client, pairing.remote)
        request = Request(asked.request, "sign_event", sign_params(asked.draft), asked.asked)
        found: list[Event] = []
        refusals: list[Answer] = []

        def hear(event: Event) -> bool:
            answer = dialogue.hear(event, now=_now())
            if answer and answer.error:
                refusals.append(answer)
            elif answer and (signed := dialogue.signed(answer, asked.draft)):
                found.append(signed)
            return bool(found or refusals)

        ask = dialogue.request(request, at=_now(), nonce=secrets.token_bytes(NONCE_BYTES))
        since = asked.asked - APPROVAL_AGAIN_SECONDS
        wanted = answers(dialogue.client, since=since)
        self._wire(pairing).exchange(wanted, [ask], hear, seconds=self._wait)
        if found:
            return found[0]
        if refusals:
            self._queue.refuse(asked.request, refusals[0].error, now=_now())
            raise NotSigned(f"{asked.signer} refused to sign: {refusals[0].error}")
        self._wait = min(self._wait, APPROVAL_AGAIN_SECONDS)
        page = f"; the signer wants a person to visit {dialogue.page}" if dialogue.page else ""
        raise NotSigned(f"{asked.signer} has not approved it yet{page}")


def answers(client: str, *, since: int) -> Filter:
    """What a client listens for."""
    return Filter(kinds=(REQUEST,), tags=(("p", (client,)),), since=since)


def _now() -> int:
    return int(time.time())
