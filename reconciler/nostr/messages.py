"""Messages of NIP-01, NIP-45 and NIP-77, both directions: JSON in, frozen values out, and back.

Events inside are left unverified (`raw`): whoever uses one must pass it through `event.verify`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.errors import PeerFault
from reconciler.limits import NEG_MESSAGE_BYTES, WS_MESSAGE_BYTES
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter, parse
from reconciler.nostr.strictjson import Json, dumps, loads

_SUBSCRIPTION_CHARS = 1000  # read so much; a relay refuses what is too long for it (NIP-01: 64)
_SENT = re.compile(rb'\s*\[\s*"EVENT"\s*,\s*"([\w:.-]{1,64})"\s*,\s*(\{.*\})\s*\]\s*', re.DOTALL)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")  # bytes.fromhex alone would also take spaces


@dataclass(frozen=True, slots=True)
class NegMsg:
    """`["NEG-MSG", subscription, hex]` (NIP-77), the same in both directions; `payload` is unread:
    pass it to `negentropy`."""

    subscription: str
    payload: bytes


# --- relay to client -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """`["EVENT", subscription, event]`; `raw` is unverified."""

    subscription: str
    raw: Json


@dataclass(frozen=True, slots=True)
class SentText:
    """`["EVENT", subscription, event]` of which only the event's ends are known; `text` is unread:
    pass it to `event.verify_text`."""

    subscription: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Ok:
    """`["OK", event id, accepted, message]`. `accepted` proves nothing: only read-back does."""

    event_id: str
    accepted: bool
    message: str


@dataclass(frozen=True, slots=True)
class Eose:
    """`["EOSE", subscription]`: all stored events up to the relay's own cap were sent."""

    subscription: str


@dataclass(frozen=True, slots=True)
class Closed:
    """`["CLOSED", subscription, message]`."""

    subscription: str
    message: str


@dataclass(frozen=True, slots=True)
class Notice:
    """`["NOTICE", message]`, and every message whose type we do not know."""

    message: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """`["AUTH", challenge]` (NIP-42)."""

    challenge: str


@dataclass(frozen=True, slots=True)
class NegErr:
    """`["NEG-ERR", subscription, reason]` (NIP-77): the relay ended, or refused, a conversation."""

    subscription: str
    reason: str


RelayMessage = Sent | Ok | Eose | Closed | Notice | Challenge | NegMsg | NegErr


def sent_text(message: bytes) -> SentText | None:
    """An EVENT message, cut at the event's ends; None for any other, and for one that `parse_relay`
    must look at. If the text between is JSON, so is the whole message."""
    found = _SENT.fullmatch(message)
    return SentText(found[1].decode(), found[2]) if found else None


def parse_relay(text: str | bytes) -> RelayMessage:
    """Read what a relay sent.

    Raises:
        PeerFault: too large, no JSON, or a known message with the wrong shape.
    """
    match _array(text):
        case ["EVENT", str(sub), raw]:
            return Sent(sub, raw)
        case ["OK", str(event_id), bool(accepted), *rest]:
            return Ok(event_id, accepted, _text(rest))
        case ["EOSE", str(sub), *_]:
            return Eose(sub)
        case ["CLOSED", str(sub), *rest]:
            return Closed(sub, _text(rest))
        case ["AUTH", str(challenge), *_]:
            return Challenge(challenge)
        case ["NOTICE", *rest]:
            return Notice(_text(rest))
        case ["NEG-MSG", str(sub), str(payload), *_]:
            return NegMsg(sub, _bytes(payload))
        case ["NEG-ERR", str(sub), *rest]:
            return NegErr(sub, _text(rest))
        case [
            "EVENT" | "OK" | "EOSE" | "CLOSED" | "AUTH" | "NEG-MSG" | "NEG-ERR" as name,
            *_,
        ]:
            raise PeerFault(f"the relay's {name} message has the wrong shape")
        case _:
            return Notice("a message of an unknown type")


# --- client to relay -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Publication:
    """`["EVENT", event]`; `raw` is unverified."""

    raw: Json


@dataclass(frozen=True, slots=True)
class Req:
    """`["REQ", subscription, filter, …]`."""

    subscription: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """`["CLOSE", subscription]`."""

    subscription: str


@dataclass(frozen=True, slots=True)
class Count:
    """`["COUNT", subscription, filter, …]` (NIP-45)."""

    subscription: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class NegOpen:
    """`["NEG-OPEN", subscription, filter, hex]` (NIP-77); `payload` is unread."""

    subscription: str
    filter: Filter
    payload: bytes


@dataclass(frozen=True, slots=True)
class NegClose:
    """`["NEG-CLOSE", subscription]` (NIP-77)."""

    subscription: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    """`["AUTH", event]` (NIP-42); `raw` is unverified."""

    raw: Json


ClientMessage = Publication | Authenticate | Req | Close | Count | NegOpen | NegMsg | NegClose


def parse_client(text: str | bytes) -> ClientMessage:
    """Read what a client sent, as a relay.

    Raises:
        PeerFault: too large, no JSON, an unknown type or a wrong shape.
    """
    match _array(text):
        case ["EVENT", raw]:
            return Publication(raw)
        case ["AUTH", raw]:
            return Authenticate(raw)
        case ["REQ", str(sub), *filters] if filters and _is_name(sub):
            return Req(sub, tuple(map(parse, filters)))
        case ["COUNT", str(sub), *filters] if filters and _is_name(sub):
            return Count(sub, tuple(map(parse, filters)))
        case ["NEG-OPEN", str(sub), wanted, str(payload)] if _is_name(sub):
            return NegOpen(sub, parse(wanted), _bytes(payload))
        case ["NEG-MSG", str(sub), str(payload)]:
            return NegMsg(sub, _bytes(payload))
        case ["NEG-CLOSE", str(sub)]:
            return NegClose(sub)
        case ["CLOSE", str(sub)]:
            return Close(sub)
        case _:
            raise PeerFault("unknown message, or one with the wrong shape")


# --- writing ---------------------------------------------------------------------------------


def event(value: Event, subscription: str | None = None) -> str:
    """EVENT from a client, or from a relay when a subscription is named."""
    head = ["EVENT"] if subscription is None else ["EVENT", subscription]
    return dumps([*head, value.to_json()])


def req(subscription: str, *filters: Filter) -> str:
    """REQ."""
    return dumps(["REQ", subscription, *(f.to_json() for f in filters)])


def close(subscription: str) -> str:
    """CLOSE."""
    return dumps(["CLOSE", subscription])


def ok(event_id: str, accepted: bool, message: str = "") -> str:
    """OK."""
    return dumps(["OK", event_id, accepted, message])


def eose(subscription: str) -> str:
    """EOSE."""
    return dumps(["EOSE", subscription])


def closed(subscription: str, message: str) -> str:
    """CLOSED."""
    return dumps(["CLOSED", subscription, message])


def auth(challenge: str) -> str:
    """AUTH, the relay's challenge (NIP-42)."""
    return dumps(["AUTH", challenge])


def notice(message: str) -> str:
    """NOTICE."""
    return dumps(["NOTICE", message])


def count(subscription: str, number: int) -> str:
    """COUNT, the relay's answer (NIP-45)."""
    return dumps(["COUNT", subscription, {"count": number}])


def neg_open(subscription: str, wanted: Filter, payload: bytes) -> str:
    """NEG-OPEN."""
    return dumps(["NEG-OPEN", subscription, wanted.to_json(), payload.hex()])


def neg_msg(subscription: str, payload: bytes) -> str:
    """NEG-MSG, of either side."""
    return dumps(["NEG-MSG", subscription, payload.hex()])


def neg_close(subscription: str) -> str:
    """NEG-CLOSE."""
    return dumps(["NEG-CLOSE", subscription])


def neg_err(subscription: str, reason: str) -> str:
    """NEG-ERR."""
    return dumps(["NEG-ERR", subscription, reason])


def _array(text: str | bytes) -> list[Json]:
    if len(text) > WS_MESSAGE_BYTES:
        raise PeerFault(f"a message is larger than {WS_MESSAGE_BYTES} bytes")
    value = loads(text)
    if not isinstance(value, list):
        raise PeerFault("a message is not a JSON array")
    return value


def _text(rest: list[Json]) -> str:
    return rest[0] if rest and isinstance(rest[0], str) else ""


def _is_name(subscription: str) -> bool:
    return 0 < len(subscription) <= _SUBSCRIPTION_CHARS


def _bytes(text: str) -> bytes:
    if len(text) > 2 * NEG_MESSAGE_BYTES:
        raise PeerFault(f"a negentropy message is larger than {NEG_MESSAGE_BYTES} bytes")
    if _HEX.fullmatch(text) is None:
        raise PeerFault("a negentropy message is not hex")
    return bytes.fromhex(text)
