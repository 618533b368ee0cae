"""Confirmed and pending, by values."""

from __future__ import annotations

import pytest

from reconciler.sandbox.sync.needs import Needs
from reconciler.sandbox.sync.progress import KEEP_SECONDS, SINCE_MARGIN, Progress, Status

ONE = Needs(frozenset({"one"}), frozenset({"30617:a:one"}))
TWO = Needs(frozenset({"two"}), frozenset({"30617:a:two"}), frozenset({"r" * 64}))


def confirmed(needs: Needs) -> Progress:
    progress = Progress()
    progress.connected(1000)
    number = progress.begin(needs, ["q"])
    assert progress.ended(number, "q")
    return progress


def test_a_batch_is_confirmed_only_when_all_its_questions_have_ended() -> None:
    progress = Progress()
    number = progress.begin(ONE, ["live", "0", "1"])
    assert not progress.ended(number, "0")
    assert not progress.ended(number, "0")
    assert not progress.ended(number, "live")
    assert progress.confirmed == Needs()
    assert [batch.outstanding for batch in progress.pending] == [{"1"}]
    assert progress.ended(number, "1")
    assert progress.confirmed == ONE
    assert progress.pending == ()


def test_what_was_kept_back_is_neither_confirmed_nor_begun_anew_at_once() -> None:
    progress = confirmed(ONE)
    progress.has_announcements = True
    number = progress.begin(ONE | TWO, ["0", "1"])
    progress.doubt(ONE | TWO)
    assert not progress.ended(number, "0")
    assert not progress.ended(number, "1")
    assert progress.confirmed == Needs()
    assert progress.missing(ONE | TWO) == Needs()
    assert progress.unconfirmed and not progress.is_whole
    again = progress.begin(ONE | TWO, ["0"])
    assert progress.ended(again, "0")
    assert progress.confirmed == ONE | TWO
    assert progress.is_whole and not progress.unconfirmed


def test_batches_are_confirmed_each_by_itself() -> None:
    progress = Progress()
    first, second = progress.begin(ONE, ["0"]), progress.begin(TWO, ["0"])
    assert progress.ended(second, "0")
    assert progress.confirmed == TWO
    assert progress.missing(ONE | TWO) == Needs(), "what is pending is not asked for twice"
    assert progress.ended(first, "0")
    assert progress.confirmed == ONE | TWO


def test_a_lost_connection_takes_pending_batches_back() -> None:
    progress = confirmed(ONE)
    number = progress.begin(TWO, ["0"])
    progress.disconnected(2000)
    assert progress.missing(ONE | TWO) == TWO
    assert not progress.ended(number, "0")
    assert progress.confirmed == ONE


def test_the_first_connection_asks_for_everything() -> None:
    progress = Progress()
    progress.connecting()
    assert progress.status.name == Status.CONNECTING.name
    assert progress.connected(1000) is None
    assert progress.status.name == Status.CONNECTED.name


@pytest.mark.parametrize(("away", "kept"), [(1, True), (KEEP_SECONDS, True), (901, False)])
def test_state_is_kept_for_15_minutes(away: float, kept: bool) -> None:
    progress = confirmed(ONE)
    progress.disconnected(2000)
    since = progress.connected(2000 + away)
    assert since == (2000 - SINCE_MARGIN if kept else None)
    assert progress.confirmed == (ONE if kept else Needs())


def test_failed_attempts_do_not_restart_the_15_minutes() -> None:
    progress = confirmed(ONE)
    for now in range(2000, 2900, 100):
        progress.disconnected(now)
        progress.connecting()
    assert progress.connected(2901) is None
    assert progress.confirmed == Needs()


def test_connections_that_break_before_they_caught_up_do_not_hide_the_first_loss() -> None:
    progress = confirmed(ONE)
    progress.disconnected(2000)
    for now in (2100, 2400, 2900):
        assert progress.connected(now) == 2000 - SINCE_MARGIN
        progress.disconnected(now + 1)
    assert progress.connected(2901) is None
    assert progress.confirmed == Needs()


def test_a_loss_that_was_made_good_is_over() -> None:
    progress = confirmed(ONE)
    progress.disconnected(2000)
    progress.connected(2100)
    progress.caught_up()
    progress.disconnected(5000)
    assert progress.connected(5001) == 5000 - SINCE_MARGIN
    assert progress.confirmed == ONE


def test_what_nobody_wants_is_forgotten() -> None:
    progress = confirmed(ONE | TWO)
    progress.trim(TWO)
    assert progress.confirmed == TWO


def test_it_stays_as_small_as_what_is_wanted_whatever_happened() -> None:
    progress = Progress()
    for number in range(3000):
        needs = Needs(roots=frozenset({f"{number:064x}"}))
        progress.connected(number)
        batch = progress.begin(needs, ["0", "1"])
        if number % 2:
            progress.ended(batch, "0")
            progress.ended(batch, "1")
        progress.trim(needs)
        progress.disconnected(number)
    assert len(progress.confirmed) <= 1
    assert progress.pending == ()
