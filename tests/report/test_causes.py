"""What of a plan comes from the change under review: everything that the base did not ask for."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.desired import Desired, Npub, Policies, Rule
from reconciler.nostr import kinds
from reconciler.report import markdown, terminal
from reconciler.report.causes import CHANGES, DRIFT, REVIEWED
from reconciler.report.look import Look
from reconciler.report.view import view
from tests.kit import values
from tests.kit.people import ALICE, url

from .sample import OWNERS, SERVERS, small_plan

PLAN, FINDINGS = small_plan()


def causes(base: Desired | None) -> dict[str, list[str]]:
    return {title: [line.text for line in lines] for title, lines in view(PLAN, (), base).changes}


def test_without_a_base_there_is_one_heading() -> None:
    assert list(causes(None)) == [CHANGES]


def test_what_the_base_asked_for_too_is_drift() -> None:
    assert list(causes(values.desired(*SERVERS, owners=OWNERS))) == [DRIFT]


def test_a_server_that_the_change_adds_is_the_change_s() -> None:
    found = causes(values.desired(*SERVERS[:3], owners=OWNERS))
    assert {text.partition(":")[0] for text in found[REVIEWED]} == {"delta.example"}
    assert not any("delta" in text for text in found[DRIFT])


def test_a_server_that_the_change_allows_is_the_change_s() -> None:
    rules = (Rule("alice/widget", block=(url("gamma"),)),)
    found = causes(values.desired(*SERVERS, owners=OWNERS, rules=rules))
    assert {text.partition(":")[0] for text in found[REVIEWED]} == {"gamma.example"}


def test_an_owner_or_an_event_kind_that_the_change_adds_is_the_change_s() -> None:
    assert list(causes(values.desired(*SERVERS, owners=OWNERS[1:]))) == [REVIEWED]
    narrow = Npub(pubkey=ALICE.pubkey, name="alice", include=("other",))
    assert list(causes(values.desired(*SERVERS, owners=(narrow,)))) == [REVIEWED]
    policies = Policies(event_kinds=tuple(k for k in kinds.MIRRORED if k != kinds.PULL_REQUEST))
    found = causes(values.desired(*SERVERS, owners=OWNERS, policies=policies))
    assert found[REVIEWED] == ["beta.example, gamma.example, delta.example: 1 event each"]


def test_both_views_say_it() -> None:
    base = values.desired(*SERVERS[:3], owners=OWNERS)
    shown = view(PLAN, FINDINGS, base)
    for text in (terminal.plan(shown, Look(100)), markdown.plan(shown, Look())):
        assert REVIEWED in text
        assert DRIFT in text
    assert replace(shown, changes=()) == replace(view(PLAN, FINDINGS), changes=())
