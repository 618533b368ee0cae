"""What one client of the relay may do."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.limits import REQ_PAGE, WS_MESSAGE_BYTES
from reconciler.sandbox.family.rates import Rate
from reconciler.sandbox.family.words import RelayWords


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayLimits:
    """Budgets, caps, and what the relay does with a message that it cannot read."""

    events: Rate | None = None
    """Events; None: no budget."""
    connections: Rate | None = None
    """New connections; None: no budget."""
    subscriptions: int | None = 500
    """Open questions of one connection; None: any number."""
    subscription_chars: int | None = 64
    """Characters of a question's name (NIP-01); None: any number."""
    default_limit: int = REQ_PAGE
    """Events of a filter without `limit`."""
    max_limit: int | None = REQ_PAGE
    """The largest `limit` that is taken as it is; None: any is."""
    over_limit: int = REQ_PAGE
    """What a larger `limit` is read as."""
    closes_found_ids: bool = False
    """A question for ids gets that many events at most, and is closed once all were found."""
    message_bytes: int = WS_MESSAGE_BYTES
    """A larger WebSocket message closes the connection."""
    drops_malformed: bool = False
    """A broken message ends the connection."""
    ping_seconds: float = 60.0
    """Between two pings."""
    loose_tags: bool = False
    """A tag filter finds its values under any letter, and texts that only begin so; `until` does
    not hold for the latter. Values of more than 100 characters are not found at all. A new version
    of an addressable event replaces what is found so."""
    negentropy: bool = False
    """NIP-77 is answered."""
    words: RelayWords = field(default_factory=RelayWords)
    """The texts of NOTICE, CLOSED and NEG-ERR."""
