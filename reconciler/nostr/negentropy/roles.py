"""The two sides of a conversation. The initiator asks, and alone learns the difference; the
responder keeps nothing but its items, so it can be asked anything in any order.

    what arrives      initiator                        responder
    Skip              –                                –
    Digest, equal     –                                –
    Digest, other     splits the range                 splits the range
    IdList            compares, notes the difference   lists its own ids of that range
    frame is full     one digest over the rest         one digest over the rest
    nothing to say    done                             a message without ranges
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.errors import OurFault, PeerFault
from reconciler.limits import NEG_FRAME_BYTES, NEG_ITEMS, NEG_ROUNDS
from reconciler.nostr.negentropy.builder import FRAME_MIN, SPARE, SPLIT_BYTES, MessageBuilder, split
from reconciler.nostr.negentropy.items import INFINITY, ZERO, Bound, Items
from reconciler.nostr.negentropy.wire import (
    VERSION,
    Digest,
    IdList,
    OtherVersion,
    Range,
    parse,
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A range with its lower bound, and the positions of our own items within it."""

    said: Range
    start: Bound
    lower: int
    upper: int


class Responder:
    """The side that answers. Raises PeerFault for what is no message."""

    def __init__(self, items: Items, *, frame: int | None = NEG_FRAME_BYTES) -> None:
        self._items = items
        self._frame = frame

    def feed(self, message: bytes) -> bytes:
        """The answer to one message; to one of another version it is our version alone."""
        try:
            ranges = parse(message)
        except OtherVersion:
            return bytes([VERSION])
        builder = MessageBuilder(self._items, self._frame)
        for place in _places(self._items, ranges):
            if isinstance(place.said, IdList):
                if not self._listed(builder, place):
                    break
            elif not _is_equal(self._items, place) and not _asked(builder, self._items, place):
                break
        return bytes(builder)

    def _listed(self, builder: MessageBuilder, place: _Place) -> bool:
        """Put our ids of a range; False: the frame is full, and the message is closed."""
        end = place.said.upper
        cut = builder.put_ids(place.start, place.lower, place.upper, end)
        if builder.is_full:
            builder.put_rest(end if cut == place.upper else self._items.keys[cut], cut)
        return not builder.is_full


class Initiator:
    """The side that asks: `start` once, then `feed` every answer until it returns None.

    `missing_here` and `missing_there` hold ids (32 bytes) and are complete only then.
    """

    def __init__(self, items: Items, *, frame: int | None = NEG_FRAME_BYTES) -> None:
        self._items = items
        self._frame = frame
        self._rounds = 0
        self._is_over = False
        self.missing_here: set[bytes] = set()
        self.missing_there: set[bytes] = set()

    def start(self) -> bytes:
        """The first message."""
        if self._rounds:
            raise OurFault("this conversation has begun before")
        self._rounds = 1
        builder = MessageBuilder(
            self._items, None
        )  # at most 32 ids or 16 digests: fits into every frame
        builder.put(ZERO, *split(self._items, 0, len(self._items), INFINITY))
        return bytes(builder)

    def feed(self, message: bytes) -> bytes | None:
        """The next question, or None: the difference is known.

        Raises:
            PeerFault: no message, more rounds or ids than allowed, or an id that is claimed both
                here and missing here.
        """
        if not self._rounds or self._is_over:
            raise OurFault("nothing was asked")
        ranges = parse(message)
        builder = MessageBuilder(self._items, self._frame)
        may_hide = len(message) > _REST_BYTES
        for place in _places(self._items, ranges):
            if isinstance(place.said, IdList):
                self._compare(place.said, place)
            elif _is_equal(self._items, place) and not (may_hide and _is_rest(place.said)):
                continue
            elif not _asked(builder, self._items, place):
                break
        return self._next(builder)

    def _next(self, builder: MessageBuilder) -> bytes | None:
        if not builder:
            self._is_over = True
            if self.missing_here & self.missing_there:
                raise PeerFault("the peer listed ids where they do not belong")
            return None
        self._rounds += 1
        if self._rounds > NEG_ROUNDS:
            raise PeerFault(f"no result after {NEG_ROUNDS} negentropy messages")
        return bytes(builder)

    def _compare(self, listed: IdList, place: _Place) -> None:
        theirs = frozenset(listed.ids)
        ours = frozenset(self._items.ids(place.lower, place.upper))
        self.missing_here |= theirs - ours
        self.missing_there |= ours - theirs
        if len(self.missing_here) > NEG_ITEMS:
            raise PeerFault(f"the peer claims more than {NEG_ITEMS} ids that are unknown here")


_REST_BYTES: Final = FRAME_MIN - SPARE - SPLIT_BYTES
"""No peer finds its frame full before this."""


def _is_rest(said: Range) -> bool:
    """Could this be the rest behind a full frame? In a long message it may stand for less than
    its range (see `MessageBuilder.put_rest`); equal then proves nothing, and the range is split
    anyway."""
    return isinstance(said, Digest) and said.upper == INFINITY


def _is_equal(items: Items, place: _Place) -> bool:
    """Is there nothing to ask about this range?"""
    if not isinstance(place.said, Digest):
        return True
    return place.said.fingerprint == items.fingerprint(place.lower, place.upper)


def _asked(builder: MessageBuilder, items: Items, place: _Place) -> bool:
    """Split a range; False: the frame is full, and the message is closed."""
    if builder.put(place.start, *split(items, place.lower, place.upper, place.said.upper)):
        return True
    builder.put_rest(place.start, place.lower)
    return False


def _places(items: Items, ranges: tuple[Range, ...]) -> Iterator[_Place]:
    start, lower = ZERO, 0
    for said in ranges:
        upper = items.find(said.upper, lower)
        yield _Place(said, start, lower, upper)
        start, lower = said.upper, upper
