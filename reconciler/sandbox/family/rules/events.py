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
    EFFECTIVE = "stored and carried out, and refused all the same when it deleted nothing"


class DeletionMemory(Enum):
    """What does not come back after a kind 5."""

    ALL = "what it names: by id for ever, by address up to its second"
    STORED = "the same, but ids that were stored then; what waits in purgatory is lost in the end"
    NONE = "nothing: what was deleted is taken again"


class AddressRule(Enum):
    """How an address (`kind:pubkey:identifier`) is read that an event tags."""

    WHOLE = "the identifier is all that follows the second colon"
    CUT = "it ends at the third colon"
    PLAIN = "one with a third colon is no address"


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
    content_bytes: int | None = None
    """The store holds no longer `content`; None: it does."""
    expires: bool = True
    """An expired event (NIP-40) is refused, and served no more; otherwise it is taken and served
    (khatru deletes once an hour, which is not done here)."""
    addresses: AddressRule = AddressRule.WHOLE
    """How an address that an event tags is read."""
    replaceable_address: str = "{kind}:{pubkey}:"
    """The address by which others name a replaceable event (NIP-01); empty: by none."""
    older: tuple[bool, str] = (True, "duplicate: a newer version is stored")
    """The OK to an event older than the stored version."""
    judges_stored: bool = False
    """An event that is stored already passes all rules again, and what follows from it is done
    again: a deletion deletes, an announcement makes its repository where that is gone."""
    auth_by_host: bool = False
    """NIP-42 knows this relay by its host, without the port, which a proxy in front drops."""
    protected: str = "auth-required: this event may only be published by its author"
    """The OK to a NIP-70 event without its author's AUTH; empty: it is refused even with it."""
    deletion: DeletionRule = DeletionRule.TAKEN
    """What becomes of a kind 5."""
    deletion_memory: DeletionMemory = DeletionMemory.ALL
    """What does not come back after it."""
    foreign_deletion_refused: bool = False
    """A deletion that names somebody else's event is refused."""
    words: EventWords = field(default_factory=EventWords)
    """The texts of its OKs."""
