"""NIP-77 with another relay: which matching events it has that are not served here."""

from __future__ import annotations

import asyncio

from reconciler.limits import NEG_ITEMS, NEG_SILENCE_SECONDS
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import RelayMessage
from reconciler.nostr.negentropy.dialogue import Declined, Dialogue, Difference
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.sync.link import Link


async def reconcile(runtime: Runtime, link: Link, question: Filter) -> tuple[str, ...] | None:
    """Ids of matching events that the relay has and we have not; None: it does not reconcile, and
    is asked with REQ instead.

    Raises:
        NetworkFault: the connection ended, or the relay fell silent midway.
        PeerFault: the relay broke the protocol.
    """
    service = runtime.service
    pairs = await runtime.run(
        service.store.pairs, question, now=service.clock(), most=NEG_ITEMS + 1
    )
    if len(pairs) > NEG_ITEMS:
        return None  # a cut list would make events here look missing
    async with link.conversation() as (name, inbox):
        dialogue = Dialogue(name)
        known = {event_id: created_at for created_at, event_id in pairs}
        await link.send(await runtime.run(dialogue.start, question, known))
        answer = await _first(dialogue, inbox)
        while not isinstance(answer, Difference | Declined):
            if answer is not None:
                await link.send(answer)
            answer = await runtime.run(dialogue.feed, await link.receive(inbox))
        if isinstance(answer, Declined):
            return None
        await link.send(dialogue.closing)
        return tuple(sorted(answer.missing_here))


async def _first(
    dialogue: Dialogue, inbox: asyncio.Queue[RelayMessage]
) -> str | Difference | Declined | None:
    """A relay without NIP-77 may say nothing at all, and that breaks no connection."""
    try:
        async with asyncio.timeout(NEG_SILENCE_SECONDS):
            return dialogue.feed(await inbox.get())
    except TimeoutError:
        return dialogue.silence()
