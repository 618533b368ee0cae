"""What the negentropy tests share: sets of items, and two sides talking in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import strategies as st

from reconciler.nostr.negentropy.items import Items, items
from reconciler.nostr.negentropy.roles import Initiator, Responder

Pair = tuple[int, str]


def pairs(count: int, *, step: int = 3, label: str = "") -> list[Pair]:
    """Items with `step` of them in each second."""
    return [
        (1_700_000_000 + number // step, hashlib.sha256(f"{label}{number}".encode()).hexdigest())
        for number in range(count)
    ]


@dataclass(frozen=True)
class Talk:
    """What a whole conversation brought and cost."""

    missing_here: set[str]
    missing_there: set[str]
    rounds: int
    longest: int


def converse(
    here: Iterable[Pair], there: Iterable[Pair], *, frame: int | None, theirs: int | None = -1
) -> Talk:
    """Reconcile two sets; `theirs` is the responder's frame when it differs."""
    responder = Responder(items(there), frame=frame if theirs == -1 else theirs)
    return play(items(here), responder, frame=frame)


def play(here: Items, responder: Responder, *, frame: int | None) -> Talk:
    """Reconcile with a responder."""
    initiator = Initiator(here, frame=frame)
    question: bytes | None = initiator.start()
    rounds = longest = 0
    while question is not None:
        answer = responder.feed(question)
        rounds += 1
        longest = max(longest, len(question), len(answer))
        question = initiator.feed(answer)
    return Talk(
        set(map(bytes.hex, initiator.missing_here)),
        set(map(bytes.hex, initiator.missing_there)),
        rounds,
        longest,
    )


# Ids that often share a beginning, or differ in one byte only, or end in zeros.
_IDS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.builds(
        lambda head, byte, tail: (head + bytes([byte])).ljust(31, b"\0") + bytes([tail]),
        st.sampled_from([b"", b"\0\0", b"same", b"s" * 30]),
        st.integers(0, 255),
        st.sampled_from([0, 1, 255]),
    ),
)
_TIMES = st.one_of(st.sampled_from([0, 1, 7, 2**53 - 1]), st.integers(0, 40))


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[list[Pair], list[Pair]]:
    """Two sets that share content: a pool, of which each side holds a part. Large parts come from
    a number, because drawing every item would be slow."""
    pool = {data.hex(): draw(_TIMES) for data in draw(st.lists(_IDS, max_size=40))}
    seed, many = draw(st.integers(0, 9)), draw(st.sampled_from([0, 0, 33, 600]))
    pool |= {event_id: time for time, event_id in pairs(many, step=5, label=str(seed))}
    one, two = draw(st.sampled_from([(1, 1), (1, 2), (2, 3), (1, 0), (0, 1), (7, 8), (97, 101)]))
    shared = sorted(pool.items())
    return (
        [(time, i) for n, (i, time) in enumerate(shared) if one and (one == 1 or n % one)],
        [(time, i) for n, (i, time) in enumerate(shared) if two and (two == 1 or n % two)],
    )
