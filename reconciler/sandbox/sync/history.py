"""All stored events that match one filter, page by page.

NIP-77 where the relay has it; otherwise REQ, EOSE and the next page by `until`. A relay that
refuses to reconcile is paged, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from reconciler.errors import PeerFault
from reconciler.limits import REQ_PAGE, REQ_PAGES
from reconciler.nostr.event import Event, verify
from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import Json
from reconciler.sandbox.runtime import Runtime
from reconciler.sandbox.sync.link import Link
from reconciler.sandbox.sync.reconciling import reconcile


async def history(
    runtime: Runtime, link: Link, question: Filter, skip: Callable[[str], bool]
) -> AsyncIterator[tuple[Event, ...]]:
    """The events, verified, in pages. What does not verify or match is left out; so are, where the
    relay names ids first, those that `skip` says we know.

    Raises:
        NetworkFault: the connection ended.
        PeerFault: the relay broke the protocol.
    """
    ids = await reconcile(runtime, link, question) if 77 in link.info.nips else None
    if ids is None:
        async for page in _pages(runtime, link, question):
            yield page
        return
    wanted = [event_id for event_id in ids if not skip(event_id)]
    for start in range(0, len(wanted), REQ_PAGE):
        part = Filter(ids=tuple(wanted[start : start + REQ_PAGE]))
        async for page in _pages(runtime, link, part):
            yield page


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
    runtime: Runtime, link: Link, question: Filter
) -> AsyncIterator[tuple[Event, ...]]:
    """Relays cap answers silently: ask for older ones until there are none.

    The next page starts at the oldest second of the last one, because the cap may have cut through
    that second; only when nothing new is in it, at the second before.
    """
    full = min(link.info.max_limit or 1, REQ_PAGE)
    seen: set[str] = set()
    for _ in range(REQ_PAGES):
        raws = await link.ask(replace(question, limit=REQ_PAGE))
        page = await runtime.run(readable, raws, question)
        fresh = tuple(event for event in page if event.id not in seen)
        seen |= {event.id for event in fresh}
        if fresh:
            yield fresh
        if not page or len(raws) < full:
            return
        oldest = min(event.created_at for event in page)
        if not fresh and oldest == 0:
            return
        question = replace(question, until=oldest if fresh else oldest - 1)
    raise PeerFault(f"more than {REQ_PAGES} pages")
