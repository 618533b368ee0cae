"""All stored events that match one filter, page by page.

NIP-77 where the relay has it; otherwise REQ, EOSE and the next page by `until`. A relay that
refuses to reconcile is paged, too. Answers may be cut at any length without a word, whatever NIP-11
says: a question has ended when asking on brings nothing, and ids when each of them came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from reconciler.errors import PeerFault
from reconciler.limits import NEG_ITEMS, NEG_SILENCE_SECONDS, REQ_PAGE
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import RelayMessage
from reconciler.nostr.negentropy.dialogue import Declined, Dialogue, Difference
from reconciler.nostr.paging import Pager
from reconciler.nostr.strictjson import Json
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.sync.relay_link import RelayLink


class Withheld(PeerFault):
    """The relay names events that it does not give out."""


async def history(
    runtime: Runtime, link: RelayLink, question: Filter, skip: Callable[[str], bool]
) -> AsyncIterator[tuple[Event, ...]]:
    """The events, verified, in pages. What does not verify or match is left out; so are, where the
    relay names ids first, those that `skip` says we know.

    Raises:
        NetworkFault: the connection ended.
        Withheld: all that came was given out, and some of what the relay named did not come.
        PeerFault: the relay broke the protocol.
    """
    ids = await _reconcile(runtime, link, question) if 77 in link.info.nips else None
    if ids is None:
        async for page in _pages(runtime, link, question):
            yield page
        return
    wanted = [event_id for event_id in ids if not skip(event_id)]
    away = 0
    for start in range(0, len(wanted), REQ_PAGE):
        left = dict.fromkeys(wanted[start : start + REQ_PAGE])
        async for page in _named(runtime, link, left):
            yield page
        away += len(left)
    if away:
        raise Withheld(f"{away} events that the relay names did not come")


async def _named(
    runtime: Runtime, link: RelayLink, left: dict[str, None]
) -> AsyncIterator[tuple[Event, ...]]:
    """The events with these ids, asked for until none of them comes any more; what came is taken
    out of `left`. A bad event has come, too: it would not get better."""
    while left:
        question = Filter(ids=tuple(left), limit=REQ_PAGE)
        raws = await link.ask(question)
        ids = (raw.get("id") for raw in raws if isinstance(raw, dict))
        came = left.keys() & {event_id for event_id in ids if isinstance(event_id, str)}
        if not came:
            return
        yield await runtime.run(readable, raws, question)
        for event_id in came:
            del left[event_id]


def readable(raws: list[Json], question: Filter | None = None) -> tuple[Event, ...]:
    """Those that verify and match. One bad event in a relay's store must not keep us from the
    good ones. Blocking: verifying takes about 0.1 ms each."""
    found = []
    for raw in raws:
        try:
            event = verify(raw)
        except PeerFault:
            continue
        if question is None or question.matches(event):
            found.append(event)
    return tuple(found)


async def _pages(
    runtime: Runtime, link: RelayLink, question: Filter
) -> AsyncIterator[tuple[Event, ...]]:
    """Page by page (`nostr.paging`); nothing that NIP-11 says of caps is believed."""
    pager = Pager(question)
    while asked := pager.question:
        raws = await link.ask(asked)
        if fresh := pager.feed(await runtime.run(readable, raws, question), len(raws)):
            yield fresh
    if pager.cut:
        raise Withheld(pager.cut)


async def _reconcile(runtime: Runtime, link: RelayLink, question: Filter) -> tuple[str, ...] | None:
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
