"""The shape of a push for every dialect, state stored or not, and every kind of difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.facts.dialects import GITEA, KHATRU, NGIT_GRASP, NGIT_RELAY, SPEC, Dialect
from reconciler.facts.refs import differences
from reconciler.git.receive_pack import RefUpdate
from reconciler.model.observed import Absent
from reconciler.model.plan import HoldReason
from reconciler.nostr import nip34
from reconciler.plan.pushes import PushOrWhyNot, heads, pull
from tests.kit.people import ALICE
from tests.kit.values import ZERO, oid, refs

DIALECTS = {d.name: d for d in (SPEC, NGIT_GRASP, NGIT_RELAY, KHATRU, GITEA)}
MAIN, TOPIC, TAG, NOSTR = (
    "refs/heads/main",
    "refs/heads/topic",
    "refs/tags/v1",
    "refs/nostr/" + "e" * 64,
)
STATE = nip34.state(ALICE.state("widget", {MAIN: oid(1), TAG: oid(3)}))
GOAL = {MAIN: oid(1), TAG: oid(3)}

WORLDS = {
    "same": GOAL,
    "empty": {},
    "behind": {MAIN: oid(2), TAG: oid(3)},
    "branch to go": {**GOAL, TOPIC: oid(2)},
    "tag to go": {**GOAL, "refs/tags/v0": oid(2)},
    "branch to go, main behind": {MAIN: oid(2), TAG: oid(3), TOPIC: oid(2)},
    "branch to go, main behind, objects there": {MAIN: oid(2), TAG: oid(3), TOPIC: oid(1)},
    "tag to go, main behind": {MAIN: oid(2), TAG: oid(3), "refs/tags/v0": oid(2)},
    "foreign refs": {**GOAL, NOSTR: oid(5), "refs/pull/1/head": oid(6)},
}
NEEDS, FETCH = HoldReason.NEEDS_NEW_STATE, HoldReason.SERVER_MUST_FETCH

# world: what each dialect gets while the state is not stored, and once it is
EXPECTED: dict[str, dict[str, tuple[object, object]]] = {
    "same": dict.fromkeys(DIALECTS, ("", "")),
    "foreign refs": dict.fromkeys(DIALECTS, ("", "")),
    "empty": {
        **dict.fromkeys(DIALECTS, ("+main +v1", "+main +v1")),
        "ngit-grasp": ("+main +v1", NEEDS),
    },
    "behind": {**dict.fromkeys(DIALECTS, ("~main", "~main")), "ngit-grasp": ("~main", NEEDS)},
    "branch to go": {
        "spec": ("", "-topic"),
        "grasp-gitea": ("", "-topic"),
        "ngit-grasp": ("", NEEDS),
        "ngit-relay": ("", NEEDS),
        "khatru": ("-topic", "-topic"),
    },
    "tag to go": {
        "spec": ("", "-v0"),
        "grasp-gitea": ("", "-v0"),
        "ngit-grasp": ("", NEEDS),
        "ngit-relay": ("-v0", "-v0"),
        "khatru": ("-v0", "-v0"),
    },
    "branch to go, main behind": {
        "spec": ("~main -topic", "~main -topic"),
        "grasp-gitea": ("~main -topic", "~main -topic"),
        "ngit-grasp": (FETCH, NEEDS),
        "ngit-relay": ("~main", "~main"),
        "khatru": ("~main -topic", "~main -topic"),
    },
    "branch to go, main behind, objects there": {
        "spec": ("", "~main -topic"),
        "grasp-gitea": ("", "~main -topic"),
        "ngit-grasp": ("", NEEDS),
        "ngit-relay": ("~main", "~main"),
        "khatru": ("~main -topic", "~main -topic"),
    },
    "tag to go, main behind": {
        **dict.fromkeys(DIALECTS, ("~main -v0", "~main -v0")),
        "ngit-grasp": ("~main -v0", NEEDS),
    },
}


def words(found: PushOrWhyNot) -> object:
    """A reason, or the updates: +created ~changed -deleted."""
    return found.reason or " ".join(map(word, found.updates))


def word(update: RefUpdate) -> str:
    symbol = "+" if update.creates else "-" if update.deletes else "~"
    return symbol + update.name.rpartition("/")[2]


@pytest.mark.parametrize("stored", [False, True], ids=["not stored", "stored"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("world", WORLDS)
def test_a_push_has_the_shape_that_its_dialect_takes(
    world: str, dialect: str, stored: bool
) -> None:
    found = heads(STATE, refs(WORLDS[world]), DIALECTS[dialect], stored=stored, announced=True)
    assert words(found) == EXPECTED[world][dialect][stored]


@pytest.mark.parametrize("announced", [False, True], ids=["not announced", "announced"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_repository_that_the_server_does_not_have(dialect: str, announced: bool) -> None:
    found = heads(STATE, Absent(), DIALECTS[dialect], stored=False, announced=announced)
    gone = announced and not DIALECTS[dialect].head_by_push  # khatru makes it by the first push
    assert words(found) == (HoldReason.REPOSITORY_GONE if gone else "+main +v1")


def test_the_words_of_a_reason_carry_the_numbers() -> None:
    cell = refs(WORLDS["branch to go, main behind"])
    stored = heads(STATE, cell, NGIT_GRASP, stored=True, announced=True)
    assert stored.detail == "2 refs differ although it serves the newest state"
    fresh = heads(STATE, cell, NGIT_GRASP, stored=False, announced=True)
    assert fresh.detail == "1 branches must go and new objects must come, which no push can do"


NAMES = st.sampled_from([MAIN, TOPIC, TAG, "refs/tags/v0", NOSTR, "refs/pull/1/head", "HEAD"])
REFS = st.dictionaries(NAMES, st.integers(1, 4).map(oid))


@given(REFS, st.sampled_from(list(DIALECTS.values())), st.booleans())
def test_no_push_goes_beyond_the_state(
    have: dict[str, str], dialect: Dialect, stored: bool
) -> None:
    found = heads(STATE, refs(have), dialect, stored=stored, announced=True)
    assert not (found.updates and found.reason)
    for update in found.updates:
        assert update.name.startswith(("refs/heads/", "refs/tags/"))
        assert update.old == have.get(update.name, ZERO) != update.new
        assert update.new == GOAL.get(update.name, ZERO)
    if dialect.exact and found.updates:
        after = {n: o for n, o in have.items() if n.startswith(("refs/heads/", "refs/tags/"))}
        after |= {u.name: u.new for u in found.updates}
        assert {n: o for n, o in after.items() if o != ZERO} == GOAL


@given(REFS)
def test_differences_lead_to_the_state_and_delete_last(have: dict[str, str]) -> None:
    found = differences(STATE, tuple(sorted(have.items())))
    after = {n: o for n, o in have.items() if n.startswith(("refs/heads/", "refs/tags/"))}
    after |= {u.name: u.new for u in found}
    assert {n: o for n, o in after.items() if o != ZERO} == GOAL
    assert [u.deletes for u in found] == sorted(u.deletes for u in found)


def test_a_pull_ref_is_created_and_never_moved() -> None:
    event_id = "e" * 64
    created = PushOrWhyNot((RefUpdate(NOSTR, ZERO, oid(4)),))
    assert pull(event_id, oid(4), Absent()) == created
    assert pull(event_id, oid(4), refs(GOAL)) == created
    assert pull(event_id, oid(4), refs({NOSTR: oid(4)})) == PushOrWhyNot()
    differs = pull(event_id, oid(4), refs({NOSTR: oid(5)}))
    assert differs.reason is HoldReason.PULL_REF_DIFFERS
    assert differs.updates == ()
    assert "stands at 555555555555, the event says 444444444444" in differs.detail
