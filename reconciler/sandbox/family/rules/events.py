"""All events but announcements and states, and what all events have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from reconciler.nostr import kinds
from reconciler.sandbox.family.words import EventWords


class Relation(Enum):
    """Which events are taken."""

    RELATED = "those that tag, or are tagged by, a stored event"
    HOSTED = "those that tag a hosted repository (a) or a stored root (e, E)"
    ANY = "all"


class DeletionRule(Enum):
    """What becomes of a kind 5."""

    TAKEN = "carried out and stored, whoever sends it"
    JUDGED_AFTER = "carried out, then judged like any event: its target is gone by then"
    EFFECTIVE = "refused when it deleted nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """Which events the relay takes, and what its OK says."""

    relation: Relation = Relation.RELATED
    """Which other events are taken."""
    always: tuple[int, ...] = (kinds.DELETION, kinds.GRASP_LIST)
    """Kinds that are taken from everybody."""
    kinds: tuple[int, ...] = ()
    """When given, no other kinds are taken."""
    future_seconds: int | None = None
    """An event further ahead is refused; None: none is."""
    tag_value_chars: int | None = None
    """An event with a longer value of a single-letter tag is refused; None: none is."""
    cuts_addresses: bool = False
    """An address that an event tags ends at its third colon, whatever its identifier."""
    older: tuple[bool, str] = (True, "duplicate: a newer version is stored")
    """The OK to an event older than the stored version."""
    protected: str = "auth-required: this event may only be published by its author"
    """The OK to a NIP-70 event without its author's AUTH; empty: it is refused even with it."""
    deletion: DeletionRule = DeletionRule.TAKEN
    """What becomes of a kind 5."""
    deleted_may_return: bool = False
    """Deletions are not remembered: what was deleted is taken again."""
    foreign_deletion_refused: bool = False
    """A deletion that names somebody else's event is refused."""
    words: EventWords = field(default_factory=EventWords)
    """The texts of its OKs."""
