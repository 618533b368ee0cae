"""The memory of submissions: what waits unseen is not sent again, what is refused backs off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.git.advertisement import ZERO
from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Publish, Push, Verb, Wave, Why
from reconciler.model.observed import ServerView, Submission
from reconciler.model.outcome import Outcome, Result
from reconciler.model.plan import HoldReason
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan.submissions import again_at, recall, remembered

WIDGET = Coordinate("a" * 64, "widget")
SERVER = "https://git.example.org"
NOW = 1_700_000_000
STATE = Publish(
    coordinate=WIDGET,
    server=SERVER,
    event_id="1" * 64,
    kind=30618,
    wave=Wave.STATE,
    why=Why.STATE_MISSING,
)
REPLY = Publish(
    coordinate=WIDGET,
    server=SERVER,
    event_id="2" * 64,
    kind=1111,
    wave=Wave.REPLIES,
    why=Why.EVENT_MISSING,
)
UPDATE = RefUpdate("refs/heads/main", ZERO, "3" * 40)
PUSH = Push(
    coordinate=WIDGET,
    server=SERVER,
    updates=(UPDATE,),
    sources=(),
    wave=Wave.PUSH,
    why=Why.REFS_DIFFER,
)


def seen(*submitted: Submission) -> ServerView:
    return ServerView(url=SERVER, grasp=True, info=None, unknown=None, submitted=submitted)


def sent(action: Publish, *, ago: int, accepted: bool = True, tries: int = 1) -> Submission:
    return Submission(
        server=SERVER,
        event_id=action.event_id,
        at=NOW - ago,
        accepted=accepted,
        tries=tries,
        message="its words",
    )


class TestRecall:
    @pytest.mark.parametrize(("ago", "left"), [(0, ()), (1799, ()), (1800, (STATE,))])
    def test_what_waits_in_purgatory_is_not_sent_again(self, ago: int, left: object) -> None:
        found = recall((STATE,), seen(sent(STATE, ago=ago)), WIDGET, now=NOW)
        assert (found.actions, found.waiting) == (left, left == ())

    def test_what_cannot_wait_unseen_is_sent_again_at_once(self) -> None:
        open_hand = replace(STATE, waits=False)
        found = recall((open_hand,), seen(sent(STATE, ago=5)), WIDGET, now=NOW)
        assert (found.actions, found.waiting) == ((open_hand,), False)

    def test_what_waits_for_this_plans_push_is_sent_again(self) -> None:
        found = recall((STATE, PUSH), seen(sent(STATE, ago=5)), WIDGET, now=NOW)
        assert found.actions == (STATE, PUSH)

    def test_what_was_refused_is_held_with_the_servers_words(self) -> None:
        view = seen(sent(REPLY, ago=5, accepted=False))
        found = recall((PUSH, REPLY), view, WIDGET, now=NOW)
        assert found.actions == (PUSH,)
        (hold,) = found.holds
        assert hold.reason is HoldReason.REFUSED
        assert "its words" in hold.detail

    def test_a_push_of_a_name_that_is_not_utf8_can_be_remembered(self) -> None:
        odd = b"refs/heads/\xff".decode("utf-8", "surrogateescape")
        push = replace(PUSH, updates=(RefUpdate(odd, "3" * 40, ZERO),))
        assert push.sent_as != PUSH.sent_as
        assert recall((push,), seen(), WIDGET, now=NOW).actions == (push,)

    def test_a_refused_state_holds_the_whole_cell(self) -> None:
        view = seen(sent(STATE, ago=5, accepted=False))
        assert recall((STATE, PUSH, REPLY), view, WIDGET, now=NOW).actions == ()

    @pytest.mark.parametrize(
        ("tries", "wait"), [(1, 600), (2, 1200), (3, 2400), (9, 86400), (10**6, 86400)]
    )
    def test_a_refused_event_is_offered_at_growing_intervals(self, tries: int, wait: int) -> None:
        refusal = sent(REPLY, ago=0, accepted=False, tries=tries)
        assert again_at(refusal) == NOW + wait
        late = recall((REPLY,), seen(replace(refusal, at=NOW - wait)), WIDGET, now=NOW)
        assert late.actions == (REPLY,)


class TestRemembered:
    def after(self, result: Result, detail: str, *old: Submission) -> tuple[Submission, ...]:
        outcome = Outcome(
            key=REPLY.key, verb=Verb.PUBLISH, server=SERVER, result=result, detail=detail
        )
        return remembered(old, (REPLY,), (outcome,), now=NOW)

    def test_what_is_accepted_but_unseen_is_kept(self) -> None:
        (kept,) = self.after(Result.SETTLING, "purgatory: soon")
        assert (kept.accepted, kept.at, kept.message) == (True, NOW, "purgatory: soon")

    def test_refusals_of_an_event_are_counted(self) -> None:
        (kept,) = self.after(Result.FAILED, "no", sent(REPLY, ago=700, accepted=False, tries=2))
        assert (kept.accepted, kept.tries) == (False, 3)

    def test_a_wish_for_auth_is_no_refusal(self) -> None:
        assert self.after(Result.FAILED, "auth-required: who?") == ()

    def test_what_a_limit_kept_back_is_no_refusal(self) -> None:
        assert self.after(Result.DEFERRED, "rate-limited: slow down") == ()

    @pytest.mark.parametrize("result", [Result.DONE, Result.UNCHANGED])
    def test_what_arrived_is_forgotten(self, result: Result) -> None:
        assert self.after(result, "", sent(REPLY, ago=700, accepted=False)) == ()

    def test_what_was_not_attempted_leaves_the_memory_as_it_was(self) -> None:
        old = sent(REPLY, ago=700, accepted=False)
        assert self.after(Result.SKIPPED, "", old) == (old,)

    def test_old_rows_are_dropped(self) -> None:
        assert remembered([sent(STATE, ago=90_000)], (), (), now=NOW) == ()
