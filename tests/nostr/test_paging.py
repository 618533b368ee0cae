"""The pager against small relays: caps, ties in time, neighbours; known and hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.limits import REQ_CAP_LEAST, REQ_PAGES
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.nostr.paging import Pager
from reconciler.sandbox.demo.authors import new

ALICE = new("alice")
EVENTS = [ALICE.sign(1621, (), at=at, content=str(n)) for at in range(4) for n in range(4)]
ASKED = Filter(authors=(ALICE.pubkey,))


def read(pager: Pager, stored: list[Event], cap: int, others: int = 0) -> tuple[list[Event], int]:
    """Drive a pager against a relay; what came, and how many questions it took."""
    came: list[Event] = []
    asked = 0
    while question := pager.question:
        asked += 1
        found = sorted(filter(question.matches, stored), key=lambda e: (-e.created_at, e.id))
        page = found[: max(0, cap - others)]
        came += pager.feed(page, min(cap, len(page) + others))
    return came, asked


@given(
    stored=st.lists(st.sampled_from(EVENTS), unique=True),
    cap=st.integers(1, 20),
    known=st.booleans(),
    others=st.integers(0, 3),
)
def test_every_event_comes_once_or_the_answer_is_called_cut(
    stored: list[Event], cap: int, known: bool, others: int
) -> None:
    pager = Pager(ASKED, cap=cap if known else None)
    came, _ = read(pager, stored, cap, others)
    assert len(came) == len(set(came))
    crowd = max((sum(e.created_at == at for e in stored) for at in range(4)), default=0)
    room = cap - others
    if room > crowd:
        assert set(came) == set(stored)
        assert not pager.cut
    elif known and set(came) != set(stored):
        assert pager.cut


def test_a_known_cap_saves_the_last_question() -> None:
    assert read(Pager(ASKED, cap=5), EVENTS[4:8], 5)[1] == 1
    assert read(Pager(ASKED), EVENTS[4:8], 5)[1] == 3


def test_nothing_asked_for_in_a_short_answer_is_the_end() -> None:
    pager = Pager(ASKED)
    assert pager.feed([], REQ_CAP_LEAST - 1) == ()
    assert (pager.question, pager.cut) == (None, "")


def test_nothing_asked_for_in_a_full_answer_is_no_end() -> None:
    pager = Pager(ASKED)
    pager.feed([], REQ_CAP_LEAST)
    assert (pager.question, "not asked for" in pager.cut) == (None, True)


def test_what_arrives_between_two_pages_is_no_crowd() -> None:
    """A server that fills itself has older events by then than when it was asked."""
    pager = Pager(ASKED)
    assert len(pager.feed(EVENTS[8:], 8)) == 8
    assert pager.feed(EVENTS[8:12], 4) == ()  # the last second again: it holds no more than that
    assert pager.feed(EVENTS[:4], 4) == tuple(EVENTS[:4])
    assert not pager.cut


def test_the_question_s_own_until_is_where_it_begins() -> None:
    assert Pager(replace(ASKED, until=2)).question == replace(ASKED, until=2, limit=500)


def test_paging_comes_to_an_end() -> None:
    pager = Pager(ASKED)
    with pytest.raises(PeerFault, match="pages"):
        for number in range(REQ_PAGES + 1):
            pager.feed([ALICE.sign(1621, (), at=10_000 - number, content="x")], 1)
