"""A plan as a person reads it: equal changes together, what destroys first, nothing left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Publish, Push, Wave, Why
from reconciler.model.plan import CellVerdict, Hold, HoldReason, Plan, Verdict
from reconciler.nostr import kinds
from reconciler.report.lines import Line
from reconciler.report.view import PlanView
from reconciler.report.words import describe, plural
from tests.kit import values
from tests.kit.people import ALICE, BOB, WIDGET, url
from tests.kit.values import ZERO, oid, refs

from .sample import hostile, huge, small_plan, viewed

PLAN, _ = small_plan()
SHOWN = viewed(PLAN)


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [f"{line.symbol} {line.text}" for line in lines]


def changes(found: PlanView) -> list[str]:
    return [text for _, lines in found.changes for text in texts(lines)]


def with_actions(*actions: Publish | Push) -> PlanView:
    return viewed(replace(PLAN, actions=actions, holds=()))


def event(server: str, kind: int, number: int = 0) -> Publish:
    wave = Wave.ROOTS if kind in kinds.ROOTS else Wave.REPLIES
    return Publish(
        coordinate=WIDGET,
        server=url(server),
        event_id=f"{number:064x}",
        kind=kind,
        wave=wave,
        why=Why.EVENT_MISSING,
    )


def push(server: str, *updates: RefUpdate) -> Push:
    return Push(
        coordinate=WIDGET,
        server=url(server),
        updates=updates,
        sources=(),
        wave=Wave.PUSH,
        why=Why.REFS_DIFFER,
    )


CREATE = RefUpdate("refs/heads/new", ZERO, oid(1))
CHANGE = RefUpdate("refs/heads/main", oid(1), oid(2))
DELETE = RefUpdate("refs/heads/gone", oid(3), ZERO)


def test_the_view_counts_what_the_plan_holds() -> None:
    assert SHOWN.headline == "2 repositories on 5 servers, 10 cells"
    assert SHOWN.counts == "1 to sign, 10 events to send, 6 pushes of 11 refs, 2 refs deleted"
    assert SHOWN.cells == "4 drifted, 4 held, 2 unknown"


def test_the_same_push_on_several_servers_is_one_line() -> None:
    found = with_actions(push("alpha", CHANGE), push("beta", CHANGE), push("gamma", CREATE, CHANGE))
    assert changes(found) == [
        "~ alpha.example, beta.example, gamma.example: 1 to 2 refs each",
    ]
    ((_, (line,)),) = found.changes
    assert line.names == ("alice/widget",)
    assert line.details == (
        "~ refs/heads/main  1111111111 → 2222222222",
        "+ refs/heads/new  1111111111 on gamma.example",
    )


def test_a_push_that_only_creates_is_a_plus() -> None:
    assert changes(with_actions(push("alpha", CREATE))) == ["+ alpha.example: 1 ref"]


def test_every_ref_is_described() -> None:
    assert describe(CREATE) == "+ refs/heads/new  1111111111"
    assert describe(CHANGE) == "~ refs/heads/main  1111111111 → 2222222222"
    assert describe(DELETE) == "- refs/heads/gone  was 3333333333"


def test_what_is_deleted_stands_first_by_our_push_or_by_the_server_itself() -> None:
    state = Publish(
        coordinate=WIDGET,
        server=url("beta"),
        event_id="a" * 64,
        kind=kinds.STATE,
        wave=Wave.STATE,
        why=Why.STATE_OUTDATED,
        aligns=(DELETE,),
    )
    found = with_actions(push("alpha", CHANGE, DELETE), push("gamma", DELETE), state)
    gone = "- alice/widget: delete refs/heads/gone (was 3333333333) on"
    assert texts(found.destructive)[:2] == [
        f"{gone} alpha.example, gamma.example",
        f"{gone} beta.example, by the server itself",
    ]
    assert "3 refs deleted" in found.counts


def test_events_are_counted_by_kind_and_listed_as_details() -> None:
    found = with_actions(
        event("alpha", kinds.ISSUE, 1),
        event("alpha", kinds.ISSUE, 2),
        event("alpha", kinds.PATCH, 3),
        event("beta", kinds.STATUS_OPEN, 4),
        event("beta", kinds.STATUS_DRAFT, 5),
        event("gamma", 1234, 6),
    )
    assert changes(found) == [
        "+ alpha.example, beta.example, gamma.example: 1 to 3 events each",
    ]
    ((_, (line,)),) = found.changes
    assert f"issue {1:064x} (event-missing) on alpha.example" in line.details
    assert f"kind 1234 {6:064x} (event-missing) on gamma.example" in line.details


def test_what_this_plan_signs_is_called_new() -> None:
    signed = [replace(event("alpha", kind), signed=True) for kind in (kinds.STATE, 30617)]
    assert changes(with_actions(*signed)) == ["+ alpha.example: new announcement, new state"]


def test_servers_that_miss_the_same_events_stand_together() -> None:
    found = with_actions(*(event(s, kinds.ISSUE, n) for s in ("alpha", "beta") for n in (1, 2)))
    assert changes(found) == ["+ alpha.example, beta.example: 2 events each"]


def alike() -> Plan:
    """Two repositories that need the very same, under different names of events."""
    other = replace(PLAN.repositories[0], name="alice/gadget")
    coordinate = replace(other.coordinate, identifier="gadget")
    summaries = (
        replace(PLAN.repositories[0], coordinate=WIDGET, name="alice/widget"),
        replace(other, coordinate=coordinate),
    )
    actions = (push("alpha", CHANGE), replace(push("alpha", CHANGE), coordinate=coordinate))
    return replace(PLAN, repositories=summaries, actions=actions, cells=())


def test_repositories_that_need_the_same_share_a_line_and_keep_their_details() -> None:
    ((_, (line,)),) = viewed(alike()).changes
    assert line.names == ("alice/gadget", "alice/widget")
    assert line.text == "alpha.example: 1 ref each"
    assert line.details == (
        "alice/gadget: ~ refs/heads/main  1111111111 → 2222222222",
        "alice/widget: ~ refs/heads/main  1111111111 → 2222222222",
    )


def test_repositories_that_differ_in_kind_stand_apart_and_those_that_differ_in_number_do_not() -> (
    None
):
    plan = alike()
    first, second = plan.actions
    other = replace(push("alpha", CREATE), coordinate=second.coordinate)
    apart = viewed(replace(plan, actions=(first, other)))
    assert changes(apart) == ["+ alpha.example: 1 ref", "~ alpha.example: 1 ref"]
    more = replace(push("alpha", CHANGE, CREATE), coordinate=second.coordinate)
    assert changes(viewed(replace(plan, actions=(first, more)))) == [
        "~ alpha.example: 1 to 2 refs each"
    ]


def test_equal_holds_share_a_line_and_say_what_would_release_them() -> None:
    gadget = replace(WIDGET, identifier="gadget")
    holds = (
        Hold(
            coordinate=WIDGET,
            server=url("beta"),
            reason=HoldReason.NOT_LISTED,
            detail="why",
            release="it is listed",
        ),
        Hold(
            coordinate=gadget,
            server=url("beta"),
            reason=HoldReason.NOT_LISTED,
            detail="why",
            release="it is listed",
        ),
        Hold(
            coordinate=WIDGET,
            server=None,
            reason=HoldReason.TIE,
            detail="why",
            release="a newer one",
        ),
    )
    found = viewed(replace(PLAN, holds=holds)).holds
    assert texts(found) == [
        "! server-not-listed on beta.example",
        "! states-tie",
    ]
    assert [line.names for line in found] == [("alice/widget", "gadget"), ("alice/widget",)]
    assert found[0].details == ("why", "released when it is listed")


def test_what_could_not_be_learnt_and_what_else_is_worth_saying() -> None:
    assert texts(SHOWN.unknown) == ["? epsilon.example: connection-refused (2 cells)"]
    found = viewed(replace(PLAN, silent=("carol",))).notes
    assert found == (
        "carol: a repository was not found on the 4 servers that answered; 1 unknown",
        "announcements also list foreign.example, which the desired state does not know",
    )


def test_nothing_of_a_stranger_s_text_is_left_raw() -> None:
    found = viewed(hostile()[0])
    lines = [*found.destructive, *found.holds, *found.unknown]
    lines += [line for _, block in found.changes for line in block]
    said = [text for line in lines for text in (line.text, *line.details)]
    said += [*found.notes, *(name for names in found.grid.rows for name in names)]
    said += [name for line in lines for name in line.names]
    for text in said:
        assert not set("\x1b\r\n\u202e").intersection(text)
        assert "::" not in text


def test_no_destructive_line_is_lost_in_a_huge_plan() -> None:
    found = viewed(huge(1000))
    assert len(found.destructive) == 1000
    assert "1000 refs deleted" in found.counts


def test_a_word_has_the_plural_of_its_number() -> None:
    assert [plural(n, "patch") for n in (1, 2)] == ["1 patch", "2 patches"]
    assert [plural(n, "status") for n in (1, 0)] == ["1 status", "0 statuses"]
    assert [plural(n, "ref") for n in (1, 2)] == ["1 ref", "2 refs"]


def test_a_cell_whose_git_side_fails_is_named_with_its_reason() -> None:
    cells = (
        CellVerdict(WIDGET, url("beta"), Verdict.UNKNOWN, "http-error: 502"),
        CellVerdict(BOB.coordinate("blank"), url("beta"), Verdict.UNKNOWN, "http-error: 502"),
        CellVerdict(WIDGET, url("gamma"), Verdict.UNKNOWN, "timed-out"),
        CellVerdict(WIDGET, url("epsilon"), Verdict.UNKNOWN, "connection-refused"),
    )
    found = viewed(replace(PLAN, cells=cells)).unknown
    assert texts(found) == [
        "? epsilon.example: connection-refused (1 cell)",
        "? git on beta.example: http-error: 502",
        "? git on gamma.example: timed-out",
    ]
    assert [line.names for line in found[1:]] == [("alice/widget", "bob/blank"), ("alice/widget",)]


@pytest.mark.parametrize(
    ("down", "words"),
    [
        (0, "carol: a repository was found on no server"),
        (2, "carol: a repository was not found on the 3 servers that answered; 2 unknown"),
        (5, "carol: a repository could not be looked for: no server answered (5 unknown)"),
    ],
)
def test_nothing_is_said_to_be_absent_where_somebody_did_not_answer(down: int, words: str) -> None:
    servers = tuple(
        replace(server, unknown="timed-out" if number < down else None)
        for number, server in enumerate(PLAN.servers)
    )
    found = viewed(replace(PLAN, silent=("carol",), servers=servers, discovered=()))
    assert found.notes == (words,)


def test_a_missing_state_and_missing_objects_are_sure_only_when_all_answered() -> None:
    held = {hold.reason: hold.detail for hold in PLAN.holds}
    assert held == {
        HoldReason.EMPTY_REPOSITORY: "no state was found on the 4 servers that answered; 1 unknown"
    }
    announced = ALICE.announce("widget", ["alpha", "beta"])
    state = ALICE.state("widget", {"refs/heads/main": oid(2)}, at=10)
    for down, words in (
        (False, "1 objects of the newest state are on no server (222222222222 for one)"),
        (
            True,
            "1 objects of the newest state were not found on the 1 server that answered; "
            "1 unknown (222222222222 for one)",
        ),
    ):
        seen = values.observed(
            [announced, state],
            values.view("alpha", [announced, state], {WIDGET: refs({})}),
            values.view("beta", [announced], {} if down else {WIDGET: refs({})}, down=down),
        )
        cells = values.planned(values.desired("alpha", "beta"), seen)
        assert [hold.detail for hold in cells.holds] == [words]


def test_a_refusal_names_its_server() -> None:
    refusal, unsure = viewed(*small_plan()).refusals
    assert unsure.text.startswith("alice/widget: a newer announcement may stand on epsilon")
    assert refusal.text == (
        "alice/widget on beta.example: deletes refs/heads/gone, which HEAD names"
    )
    assert refusal.accept == f"delete-head@{SHOWN.digest[:16]}"
