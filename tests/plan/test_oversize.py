"""Events that a family cannot take are held back, and nothing else with them."""

from __future__ import annotations

import pytest

from reconciler.facts.budgets import Budgets
from reconciler.facts.knowledge import Knowledge
from reconciler.model.actions import Publish, Wave, Why
from reconciler.model.plan import HoldReason
from reconciler.nostr import kinds
from reconciler.plan.oversize import without_oversize
from tests.kit.people import ALICE, EPOCH, url

SMALL = ALICE.sign(kinds.ISSUE, ("a", str(ALICE.coordinate("widget"))), at=1)
LARGE = ALICE.sign(kinds.ISSUE, ("a", str(ALICE.coordinate("widget"))), content="ü" * 600, at=2)


def send(event_id: str) -> Publish:
    return Publish(
        coordinate=ALICE.coordinate("widget"),
        server=url("beta"),
        event_id=event_id,
        kind=kinds.ISSUE,
        wave=Wave.ROOTS,
        why=Why.EVENT_MISSING,
    )


@pytest.mark.parametrize(
    ("budgets", "kept"),
    [
        (Budgets(), 2),
        (Budgets(content_bytes=1200), 2),  # in UTF-8
        (Budgets(content_bytes=1199), 1),
        (Budgets(message_bytes=10_000), 2),
        (Budgets(message_bytes=1000), 1),
    ],
)
def test_a_family_is_sent_what_it_can_take(budgets: Budgets, kept: int) -> None:
    known = Knowledge.of([SMALL, LARGE], now=EPOCH + 10)
    left, holds = without_oversize([send(SMALL.id), send(LARGE.id)], budgets, known)
    assert [action.sends for action in left] == [SMALL.id, LARGE.id][:kept]
    assert [hold.reason for hold in holds] == [HoldReason.TOO_LARGE] * (2 - kept)
    assert all(LARGE.id[:12] in hold.detail for hold in holds)
