"""NIP-01 events. The only way to make an `Event` is to verify one.

`verify` takes what a peer sent and returns a value whose id and signature are known to hold, or
raises; `Draft` is an event before it is signed, whose id is already known. Identity is the id
alone: BIP-340 allows many valid signatures for one id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import InitVar, dataclass

from reconciler.errors import OurFault, PeerFault
from reconciler.limits import EVENT_BYTES, EVENT_TAGS, TAG_ITEMS
from reconciler.nostr import bip340
from reconciler.nostr.strictjson import Json, dumps, loads

Tag = tuple[str, ...]
Tags = tuple[Tag, ...]

_HEX32 = re.compile(r"[0-9a-f]{64}")
_HEX64 = re.compile(r"[0-9a-f]{128}")
_FIELDS = frozenset({"id", "pubkey", "created_at", "kind", "tags", "content", "sig"})
_TIME_DIGITS = 15
_GATE = object()
_TOO_LARGE = f"the event is larger than {EVENT_BYTES} bytes"


def is_hex32(value: object) -> bool:
    """Is this 64 lower-case hex digits (an id or a pubkey)?"""
    return isinstance(value, str) and _HEX32.fullmatch(value) is not None


class _Tagged:
    """What drafts and events are asked alike."""

    __slots__ = ()
    tags: Tags

    def values(self, name: str) -> tuple[str, ...]:
        """The first values of all tags called `name`, in order."""
        return tuple(tag[1] for tag in self.tags if len(tag) > 1 and tag[0] == name)

    def first(self, name: str) -> str | None:
        """The first value of the first tag called `name`."""
        return next(iter(self.values(name)), None)


@dataclass(frozen=True, slots=True)
class Draft(_Tagged):
    """An event that nobody has signed yet. `created_at` is in seconds since 1970."""

    pubkey: str
    created_at: int
    kind: int
    tags: Tags
    content: str = ""

    @property
    def serialised(self) -> bytes:
        """NIP-01: the fields as UTF-8 JSON."""
        fields = [0, self.pubkey, self.created_at, self.kind, self.tags, self.content]
        return dumps(fields).encode("utf-8")

    @property
    def id(self) -> str:
        """NIP-01: sha256 of the serialised fields; fixed before anyone signs."""
        return hashlib.sha256(self.serialised).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(_Tagged):
    """A verified event. Build it with `verify` or `seal`; the constructor refuses others."""

    id: str
    pubkey: str
    created_at: int
    kind: int
    tags: Tags
    content: str
    sig: str
    gate: InitVar[object] = None

    def __post_init__(self, gate: object) -> None:
        if gate is not _GATE:
            raise OurFault("an Event is made by verify(), never by its constructor")

    @property
    def expires(self) -> int | None:
        """The second from which on the event is expired (NIP-40); None when it never is.

        NIP-40: "a unix timestamp", "in the same format as the created_at timestamp", hence decimal
        digits. Zeros in front change no number; what has more than 15 digits after them lies 30
        million years ahead and never comes, and anything but digits is no time and says nothing.
        """
        text = self.first("expiration") or ""
        if not (text.isascii() and text.isdigit()):  # isdigit alone takes "²", which is no number
            return None
        digits = text.lstrip("0") or "0"
        return int(digits) if len(digits) <= _TIME_DIGITS else None

    @property
    def is_protected(self) -> bool:
        """May only its author publish it (NIP-70)?

        NIP-70: 'When the "-" tag is present', and a tag's first element is its name (NIP-01). It
        should have no value; one that has is still the author's word that nobody else may send the
        event, and taking it as such does no harm (rust-nostr reads a bare `["-"]` alone).
        """
        return any(tag[:1] == ("-",) for tag in self.tags)

    def to_json(self) -> dict[str, Json]:
        """The NIP-01 object."""
        return {
            "id": self.id,
            "pubkey": self.pubkey,
            "created_at": self.created_at,
            "kind": self.kind,
            "tags": [list(tag) for tag in self.tags],
            "content": self.content,
            "sig": self.sig,
        }


Template = Event | Draft
"""What an event says, whether or not it has been signed yet; its id is known either way."""


def verify(raw: Json) -> Event:
    """Check shape, size, id and signature (NIP-01, BIP-340), in that order.

    Raises:
        PeerFault: anything is wrong; the message says what.
    """
    if not isinstance(raw, dict) or not raw.keys() >= _FIELDS:
        raise PeerFault("an event needs id, pubkey, created_at, kind, tags, content and sig")
    draft = _draft(raw)
    serialised = draft.serialised
    if len(serialised) > EVENT_BYTES:
        raise PeerFault(_TOO_LARGE)
    found = hashlib.sha256(serialised).hexdigest()
    if raw["id"] != found:
        raise PeerFault("the event's id is not the hash of its fields")
    if not isinstance(raw["sig"], str) or _HEX64.fullmatch(raw["sig"]) is None:
        raise PeerFault("the event's sig is not 128 hex digits")
    signature = bytes.fromhex(raw["sig"])
    if not bip340.verify(bytes.fromhex(draft.pubkey), bytes.fromhex(found), signature):
        raise PeerFault("the event's signature does not hold")
    return Event(
        id=found,
        pubkey=draft.pubkey,
        created_at=draft.created_at,
        kind=draft.kind,
        tags=draft.tags,
        content=draft.content,
        sig=raw["sig"],
        gate=_GATE,
    )


def verify_text(text: str | bytes) -> Event:
    """`verify` for an event's JSON text, with its size checked first."""
    if len(text) > EVENT_BYTES:
        raise PeerFault(_TOO_LARGE)
    return verify(loads(text))


def seal(draft: Draft, signature: bytes) -> Event:
    """Join a draft and a signature; verified like any other event, whoever signed it."""
    fields = {
        "id": draft.id,
        "pubkey": draft.pubkey,
        "created_at": draft.created_at,
        "kind": draft.kind,
        "tags": [list(tag) for tag in draft.tags],
        "content": draft.content,
        "sig": signature.hex(),
    }
    return verify(fields)


def without(tags: Tags, others: Tags) -> Tags:
    """Those of the tags that are not among the others."""
    gone = set(others)
    return tuple(tag for tag in tags if tag not in gone)


def newest_first(event: Template) -> tuple[int, str]:
    """Sort key of NIP-01: newest first; among equal seconds the lowest id first."""
    return (-event.created_at, event.id)


def draft_of(raw: dict[str, Json]) -> Draft:
    """The draft that these fields are. Raises PeerFault."""
    if not raw.keys() >= _FIELDS - {"id", "sig"}:
        raise PeerFault("a draft needs pubkey, created_at, kind, tags and content")
    return _draft(raw)


def _draft(raw: dict[str, Json]) -> Draft:
    if not is_hex32(raw["pubkey"]):
        raise PeerFault("the event's pubkey is not 64 hex digits")
    # bool is an int for isinstance, and True would hash as `true`
    if type(raw["created_at"]) is not int or not 0 <= raw["created_at"] < 2**53:
        raise PeerFault("the event's created_at is not a time in seconds")
    if type(raw["kind"]) is not int or not 0 <= raw["kind"] <= 65535:
        raise PeerFault("the event's kind is not a number from 0 to 65535")
    if not isinstance(raw["content"], str):
        raise PeerFault("the event's content is not text")
    return Draft(raw["pubkey"], raw["created_at"], raw["kind"], _tags(raw["tags"]), raw["content"])


def _tags(raw: Json) -> Tags:
    if not isinstance(raw, list) or len(raw) > EVENT_TAGS:
        raise PeerFault(f"the event's tags are not a list of at most {EVENT_TAGS}")
    for tag in raw:
        if not isinstance(tag, list) or len(tag) > TAG_ITEMS:
            raise PeerFault(f"a tag is not a list of at most {TAG_ITEMS} texts")
        if not all(isinstance(item, str) for item in tag):
            raise PeerFault("a tag holds something that is not text")
    return tuple(tuple(tag) for tag in raw)
