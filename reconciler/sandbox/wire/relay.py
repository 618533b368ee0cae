"""One client's WebSocket (NIP-01, 42, 45, 77): messages in order, live events beside them."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from reconciler.errors import PeerFault
from reconciler.nostr import messages
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import (
    Authenticate,
    ClientMessage,
    Close,
    Count,
    NegClose,
    NegMsg,
    NegOpen,
    Publication,
    Req,
)
from reconciler.nostr.strictjson import Json, dumps
from reconciler.sandbox.family.rates import Buckets
from reconciler.sandbox.family.rules import RelayLimits
from reconciler.sandbox.flow import admission
from reconciler.sandbox.limits import INLINE_BYTES, LIVE_EVENTS
from reconciler.sandbox.metrics.metrics import kind_label
from reconciler.sandbox.policy import acceptance
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.service import Service
from reconciler.sandbox.wire.negentropy import Conversations
from reconciler.sandbox.wire.outbox import HungUp, Outbox
from reconciler.sandbox.wire.questions import Questions, is_complete

_KINDS: Final = {
    Req: "REQ",
    Count: "COUNT",
    Close: "CLOSE",
    Publication: "EVENT",
    Authenticate: "AUTH",
}


@dataclass(slots=True)
class Subscription:
    """An open REQ. Until its EOSE is out, live events wait in `held`."""

    filters: tuple[Filter, ...]
    held: list[Event] | None = field(default_factory=list)


class Session:
    """One connection. `budget` pays for its events, under `payer`."""

    def __init__(
        self,
        runtime: Runtime,
        outbox: Outbox,
        questions: Questions,
        budget: Buckets,
        payer: str,
    ) -> None:
        self._runtime = runtime
        self._service = runtime.service
        self._outbox = outbox
        self._questions = questions
        self._budget = budget
        self._payer = payer
        self._challenge = secrets.token_hex(16)
        self._authenticated: frozenset[str] = frozenset()
        self._subscriptions: dict[str, Subscription] = {}
        family = self._service.family
        self._words = family.events.words
        self._conversations = Conversations(
            family.limits.words, questions.pairs, self._service.clock
        )

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Serve until the client goes, or is dropped."""
        pump = asyncio.create_task(self._outbox.pump())
        try:
            async for message in socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                await self._handle(message.data)
        except (ConnectionError, HungUp):
            pass  # the client left while we were writing, or we have ended it
        finally:
            pump.cancel()

    def offer(self, event: Event) -> None:
        """A new event was served: pass it on to the subscriptions that want it."""
        for name, subscription in self._subscriptions.items():
            if not any(one.matches(event) for one in subscription.filters):
                continue
            if subscription.held is None:
                self._outbox.queue(messages.event(event, name))
            elif len(subscription.held) < LIVE_EVENTS:
                subscription.held.append(event)

    async def close(self) -> None:
        """The server stops: say goodbye."""
        await self._outbox.close()

    async def _handle(self, text: str | bytes) -> None:
        try:
            if len(text) <= INLINE_BYTES:
                message = messages.parse_client(text)
            else:
                message = await self._runtime.run(messages.parse_client, text)
        except PeerFault as fault:
            if self._service.family.limits.drops_malformed:
                self._outbox.drop()
            text = self._service.family.limits.words.malformed.format(why=fault)
            await self._outbox.say(messages.notice(text))
            return
        self._service.metrics.received.labels(_KINDS.get(type(message), "NEG")).inc()
        await self._answer(message, len(text))

    async def _answer(self, message: ClientMessage, size: int) -> None:
        limits = self._service.family.limits
        match message:
            case Publication(raw):
                await self._publish(raw, size)
            case Req():
                await self._req(message)
            case Count():
                await self._count(message)
            case Close(name):
                self._subscriptions.pop(name, None)
            case Authenticate(raw):
                await self._authenticate(raw)
            case NegOpen() | NegMsg() | NegClose() if limits.negentropy:
                await self._reconcile(message)
            case NegOpen() | NegMsg() | NegClose():
                await self._outbox.say(messages.notice(limits.words.no_negentropy))

    # --- events ---

    async def _publish(self, raw: Json, size: int) -> None:
        self._service.counters.bump("events_received")
        if not self._budget.take(self._payer):
            await self._refuse(raw, self._budget.text)
            return
        try:
            event = verify(raw) if size <= INLINE_BYTES else await self._runtime.run(verify, raw)
        except PeerFault as fault:
            await self._refuse(raw, self._words.malformed.format(why=fault))
            return
        self._service.metrics.events_received.labels(kind_label(event.kind)).inc()
        await self._judge(event)

    async def _judge(self, event: Event) -> None:
        """What becomes of a verified event, and its OK."""
        try:
            answer = await self._admit(event)
        except PeerFault as fault:
            reason = self._words.failed.format(why=fault)
            await self._outbox.say(messages.ok(event.id, False, reason))
            return
        if answer.accepted:
            self._service.counters.bump("events_accepted")
        else:
            self._service.metrics.rejected(event.kind, answer.message)
        await self._outbox.say(messages.ok(event.id, answer.accepted, answer.message))

    async def _admit(self, event: Event) -> admission.Answer:
        """Ask who it is where only the author may publish (NIP-70), then judge."""
        wants_auth = bool(self._service.family.events.protected)
        absent = event.pubkey not in self._authenticated
        if wants_auth and absent and event.is_protected:
            await self._outbox.say(messages.auth(self._challenge))
        await self._runtime.tidy()
        needed = admission.identifiers(self._service, event)
        return await self._runtime.run_locked(
            needed, admission.receive, self._service, event, self._authenticated
        )

    async def _refuse(self, raw: Json, reason: str) -> None:
        event_id = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(event_id, str):
            await self._outbox.say(messages.ok(event_id, False, reason))
        else:
            await self._outbox.say(messages.notice(reason))

    async def _authenticate(self, raw: Json) -> None:
        try:
            event = verify(raw)
        except PeerFault as fault:
            await self._refuse(raw, self._words.malformed.format(why=fault))
            return
        service = self._service
        reason = acceptance.auth_refusal(
            self._words.auth,
            event,
            challenge=self._challenge,
            server=_known_as(service),
            now=service.clock(),
        )
        if reason is None:
            self._authenticated |= {event.pubkey}
        await self._outbox.say(messages.ok(event.id, reason is None, reason or ""))

    # --- questions ---

    async def _req(self, asked: Req) -> None:
        name, filters = asked.subscription, asked.filters
        self._service.counters.bump("reqs")
        limits = self._service.family.limits
        if _is_long(limits, name):
            await self._outbox.say(messages.closed(name, limits.words.long_name))
            return
        most = limits.subscriptions
        if most is not None and len(self._subscriptions.keys() - {name}) >= most:
            await self._outbox.say(messages.closed(name, limits.words.many_questions))
            return
        subscription = Subscription(filters)
        self._subscriptions[name] = subscription  # before reading, so that nothing falls between
        texts = await self._runtime.run(self._questions.answer, asked)
        head = f'["EVENT",{dumps(name)},'
        for text in texts:
            await self._outbox.say(f"{head}{text}]")
        await self._outbox.say(messages.eose(name))
        if is_complete(limits, filters, len(texts)):
            self._subscriptions.pop(name, None)
            await self._outbox.say(messages.closed(name, ""))
            return
        self._go_live(name, subscription, frozenset(texts))

    def _go_live(self, name: str, subscription: Subscription, sent: frozenset[str]) -> None:
        held, subscription.held = subscription.held or [], None
        for event in held:
            if dumps(event.to_json()) not in sent:
                self._outbox.queue(messages.event(event, name))

    async def _count(self, asked: Count) -> None:
        self._service.counters.bump("counts")
        number = await self._runtime.run(self._questions.count, asked)
        await self._outbox.say(messages.count(asked.subscription, number))

    async def _reconcile(self, message: NegOpen | NegMsg | NegClose) -> None:
        self._service.counters.bump("negs")
        limits = self._service.family.limits
        if _is_long(limits, message.subscription):
            await self._outbox.say(messages.neg_err(message.subscription, limits.words.long_name))
            return
        answer = await self._runtime.run(self._conversations.answer, message)
        if answer is not None:
            await self._outbox.say(answer)


def _is_long(limits: RelayLimits, name: str) -> bool:
    most = limits.subscription_chars
    return most is not None and len(name) > most


def _known_as(service: Service) -> str:
    """This server's URL as NIP-42 compares it."""
    if not service.family.events.auth_by_host:
        return service.url
    parts = urlsplit(service.url)
    return f"{parts.scheme}://{parts.hostname}"
