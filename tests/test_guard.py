"""The guard: each limit at its last good and first bad number, each promise of a plan broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reconciler.git.receive_pack import RefUpdate
from reconciler.guard import (
    CLOCK,
    DELETE_ALL,
    DELETE_HEAD,
    GUARDS,
    HOLDS,
    MASS_DELETE,
    MASS_SIGN,
    MASS_UPDATE,
    UNSURE,
    contract,
    judge,
    withheld,
)
from reconciler.limits import SIGNATURES
from reconciler.model.actions import Action, Deed, Publish, Push, Sign, Wave, Why
from reconciler.model.desired import Desired, Npub, Policies, Rule, Safety, Source
from reconciler.model.observed import Absent, Observed, Refs, ServerView
from reconciler.model.outcome import Finding
from reconciler.model.plan import Plan
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate
from tests.kit.people import ALICE, BOB, MALLORY, WIDGET, Person, url
from tests.kit.values import ZERO, desired, observed, oid, planned, refs, view

ANN = ALICE.announce("widget", ["alpha", "beta"])
WISH = desired("alpha", "beta")


def heads(count: int, number: int = 1) -> dict[str, str]:
    return {f"refs/heads/b{i:02}": oid(number) for i in range(count)}


def world(
    goal: dict[str, str], have: Refs, software: str = "nak", head: str = "refs/heads/main"
) -> Observed:
    """Alpha is as it should be, beta has something else and does not serve the state yet."""
    state = ALICE.state("widget", goal, head=head, at=10)
    data = refs({**goal, "refs/heads/spare": oid(1)})
    alpha = view("alpha", [ANN, state], {WIDGET: data}, software="ngit-grasp")
    beta = view("beta", [ANN], {WIDGET: have}, software=software)
    return observed([ANN, state], alpha, beta)


def judged(seen: Observed, wish: Desired = WISH, accepted: tuple[str, ...] = ()) -> list[Finding]:
    plan = planned(wish, seen)
    beta = {a.key for a in plan.actions if not isinstance(a, Sign) and a.server == url("beta")}
    found = judge(plan, wish, seen, accepted)
    assert all(set(f.keys) <= beta for f in found)
    return [f for f in found if f.server == url("beta")]


def names(seen: Observed, wish: Desired = WISH) -> list[str]:
    return [finding.guard for finding in judged(seen, wish)]


# --- limits ------------------------------------------------------------------------------------


def test_deleting_thirty_percent_passes_and_a_little_more_does_not() -> None:
    have = heads(100)
    assert names(world(heads(70), refs(have))) == []
    assert names(world(heads(69), refs(have))) == [MASS_DELETE]


def test_updating_thirty_percent_passes_and_a_little_more_does_not() -> None:
    have = heads(100)
    assert names(world(have | heads(30, 2), refs(have))) == []
    assert names(world(have | heads(31, 2), refs(have))) == [MASS_UPDATE]


def test_creating_is_never_too_much() -> None:
    assert names(world(heads(100), refs(heads(10)))) == []


def test_few_refs_are_not_judged_by_percentage() -> None:
    assert names(world(heads(4), refs(heads(9)))) == []
    assert names(world(heads(4), refs(heads(10)))) == [MASS_DELETE]


def test_the_limits_are_those_of_the_desired_state() -> None:
    def wish(deletes: int, updates: int, least: int) -> Desired:
        return desired("alpha", "beta", policies=Policies(safety=Safety(deletes, updates, least)))

    seen = world(heads(5, 2), refs(heads(10)))
    assert names(seen, wish(50, 50, 10)) == []
    assert names(seen, wish(49, 50, 10)) == [MASS_DELETE]
    assert names(seen, wish(50, 49, 10)) == [MASS_UPDATE]
    assert names(seen, wish(49, 49, 10)) == [MASS_DELETE, MASS_UPDATE]
    assert names(seen, wish(0, 0, 11)) == []


def test_other_refs_do_not_dilute_the_share() -> None:
    pulls = {f"refs/nostr/{i:064x}": oid(5) for i in range(90)}
    assert names(world(heads(6), refs(heads(10) | pulls))) == [MASS_DELETE]


def test_a_plan_that_deletes_every_ref_is_found() -> None:
    spare = {"refs/tags/v1": oid(2)}
    assert names(world({"refs/heads/main": oid(1)}, refs(heads(2)))) == []
    plan = planned(WISH, world(heads(2), refs(spare)))
    push = next(a for a in plan.actions if isinstance(a, Push))
    gone = replace(push, updates=(RefUpdate("refs/tags/v1", oid(2), ZERO),))
    found = judge(replace(plan, actions=(gone,)), WISH, world(heads(2), refs(spare)))
    assert [f.guard for f in found] == [DELETE_ALL]
    assert found[0].detail == "deletes all 1 refs"


def test_deleting_the_branch_that_head_names() -> None:
    assert names(world(heads(2), refs(heads(3), head="refs/heads/b02"))) == [DELETE_HEAD]
    assert names(world(heads(2), refs(heads(3), head="refs/heads/b01"))) == []
    assert names(world(heads(2), refs(heads(3)))) == []


def test_a_state_alone_deletes_and_is_seen() -> None:
    """Ngit-grasp aligns by itself: no push is planned, yet six of ten branches would go."""
    seen = world(heads(4), refs(heads(10), head="refs/heads/b09"), "ngit-grasp")
    assert not any(isinstance(a, Push) for a in planned(WISH, seen).actions)
    assert names(seen) == [DELETE_HEAD, MASS_DELETE]


@pytest.mark.parametrize("owner", [ALICE, BOB], ids=lambda person: person.name)
def test_a_state_that_two_owners_share_is_seen_in_both_repositories(owner: Person) -> None:
    wish = desired(
        "alpha",
        owners=[Npub(pubkey=ALICE.pubkey, name="alice"), Npub(pubkey=BOB.pubkey, name="bob")],
    )
    alices = ALICE.announce("widget", ["alpha"], maintainers=[BOB])
    bobs = BOB.announce("widget", ["alpha"], maintainers=[ALICE])
    state = BOB.state("widget", heads(4), at=10)
    cells = {p.coordinate("widget"): refs(heads(10 if p == owner else 4)) for p in (ALICE, BOB)}
    index = view("index", [state], grasp=False)
    alpha = view("alpha", [alices, bobs], cells, software="ngit-grasp")
    seen = observed([alices, bobs, state], alpha, index)
    found = judge(planned(wish, seen), wish, seen)
    assert [(f.guard, f.repository) for f in found] == [(MASS_DELETE, f"{owner.name}/widget")]


def test_nothing_is_destroyed_where_nothing_stands() -> None:
    assert names(world(heads(4), Absent())) == []


# --- findings ----------------------------------------------------------------------------------


def test_a_finding_says_where_how_much_and_what_is_kept_back() -> None:
    seen = world(heads(6), refs(heads(10)))
    (found,) = judged(seen)
    assert (found.repository, found.server) == ("alice/widget", url("beta"))
    assert found.detail == "deletes 4 of 10 refs (40 %, limit 30 %)"
    kinds = [key.partition(":")[0] for key in found.keys]
    assert kinds == ["publish", "push"]
    assert withheld([found]) == set(found.keys)


def test_an_acceptance_lifts_one_guard_only() -> None:
    seen = world(heads(4), refs(heads(10), head="refs/heads/b09"))
    assert [(f.guard, f.accepted) for f in judged(seen, accepted=(MASS_DELETE,))] == [
        (DELETE_HEAD, False),
        (MASS_DELETE, True),
    ]
    both = judged(seen, accepted=(MASS_DELETE, DELETE_HEAD))
    assert withheld(both) == frozenset()
    assert withheld(judged(seen, accepted=(MASS_DELETE,))) == set(both[0].keys)


def test_other_cells_go_on() -> None:
    seen = world(heads(6), refs(heads(10)))
    plan = planned(
        WISH, replace(seen, views=(view("alpha", [ANN], {WIDGET: refs({})}), *seen.views[1:]))
    )
    assert plan.actions  # alpha lost its refs, and nothing of it may be kept back
    kept = withheld(judge(plan, WISH, seen))
    assert not any(url("alpha") in key for key in kept)


def test_the_guards_are_named() -> None:
    numbers = {MASS_DELETE, MASS_UPDATE, DELETE_ALL, DELETE_HEAD, MASS_SIGN}
    assert set(GUARDS) == numbers | HOLDS


def signing(count: int) -> tuple[Plan, Observed]:
    """A plan that signs that many announcements."""
    signs = [replace(SIGN, coordinate=ALICE.coordinate(f"r{i}")) for i in range(count)]
    return replace(PLAN, actions=tuple(signs)), observed([])


def test_many_signatures_at_the_limit_and_beyond() -> None:
    assert judge(signing(SIGNATURES)[0], SIGNED, signing(0)[1]) == ()
    plan, seen = signing(SIGNATURES + 1)
    (found,) = judge(plan, SIGNED, seen)
    assert (found.guard, found.server, found.accepted) == (MASS_SIGN, None, False)
    assert withheld([found]) == {action.key for action in plan.actions}
    assert withheld(judge(plan, SIGNED, seen, (MASS_SIGN,))) == frozenset()


# --- the contract ------------------------------------------------------------------------------

SOURCE = "https://git.example/widget.git"
SIGNED = desired(
    "alpha",
    "beta",
    "gamma",
    owners=[Npub(pubkey=ALICE.pubkey, name="alice", signer="key")],
    rules=[Rule("alice/widget", source=Source(url=SOURCE, adopt=True))],
)


def sound() -> Plan:
    """A plan with every kind of action."""
    state = ALICE.state("widget", {"refs/heads/main": oid(1)}, at=10)
    pull = BOB.sign(1618, ("a", str(WIDGET)), ("c", oid(4)))
    events: list[Event] = [ANN, state, pull]
    full = refs({"refs/heads/main": oid(1), f"refs/nostr/{pull.id}": oid(4)})
    alpha = view("alpha", events, {WIDGET: full})
    beta = view("beta", [ANN, state], {WIDGET: refs({})})
    gamma = view("gamma", [], {WIDGET: Absent()})
    return planned(SIGNED, observed(events, alpha, beta, gamma))


PLAN = sound()
SIGN = next(a for a in PLAN.actions if isinstance(a, Sign))
PUSH = next(a for a in PLAN.actions if isinstance(a, Push))
PULLS = next(a for a in PLAN.actions if isinstance(a, Push) and a.wave == Wave.PULLS)
DRAFT = SIGN.draft


def drafted(**changed: Any) -> Sign:
    return replace(SIGN, draft=replace(DRAFT, **changed))


def stated(source: str = SOURCE) -> Sign:
    """A state of nothing."""
    return replace(drafted(kind=30618), source=source)


def updating(push: Push, *updates: RefUpdate) -> Push:
    return replace(push, updates=updates)


EVIL = MALLORY.coordinate("widget")
BREACHES: dict[str, tuple[Callable[[], Action], str]] = {
    "another owner": (lambda: replace(PUSH, coordinate=EVIL), "its owner is not in"),
    "another server": (lambda: replace(PUSH, server="https://x.example"), "its server is not in"),
    "a foreign ref": (
        lambda: updating(PUSH, RefUpdate("refs/notes/x", ZERO, oid(1))),
        "outside our refs",
    ),
    "a bad name": (
        lambda: updating(PUSH, RefUpdate("refs/heads/a..b", ZERO, oid(1))),
        "outside our refs",
    ),
    "a pull ref among heads": (
        lambda: updating(PUSH, RefUpdate("refs/nostr/" + "e" * 64, ZERO, oid(1))),
        "outside our refs",
    ),
    "a pull ref that moves": (
        lambda: updating(PULLS, replace(PULLS.updates[0], old=oid(9))),
        "a pull ref would be changed",
    ),
    "a pull ref that goes": (
        lambda: updating(PULLS, RefUpdate(PULLS.updates[0].name, oid(4), ZERO)),
        "a pull ref would be changed",
    ),
    "an empty push": (lambda: updating(PUSH), "changes nothing"),
    "a push to the same": (
        lambda: updating(PUSH, RefUpdate("refs/heads/main", oid(1), oid(1))),
        "changes nothing",
    ),
    "another kind to sign": (lambda: drafted(kind=1), "neither an announcement nor a state"),
    "a state from nowhere": (lambda: drafted(kind=30618), "no source is named"),
    "a state from elsewhere": (lambda: stated(source="https://x.example/w"), "no source is named"),
    "a state without refs": (stated, "without refs"),
    "somebody else's name": (lambda: drafted(pubkey=BOB.pubkey), "for somebody else"),
    "another key": (lambda: replace(SIGN, signer="other"), "the signer is not the one"),
    "another repository": (
        lambda: drafted(tags=(("d", "gadget"), *DRAFT.tags[1:])),
        "another repository",
    ),
}


def test_a_right_plan_has_no_breach() -> None:
    assert contract(PLAN, SIGNED) == ()


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_of_the_contract_is_named(name: str) -> None:
    make, words = BREACHES[name]
    changed = make()
    found = contract(replace(PLAN, actions=(changed,)), SIGNED)
    assert any(words in line and line.startswith(changed.key) for line in found)


@dataclass(frozen=True, slots=True)
class Novelty(Deed):
    """A kind of action that nobody has written rules for."""

    coordinate: Coordinate = PUSH.coordinate
    server: str = PUSH.server

    @property
    def key(self) -> str:
        return "novelty"


def test_an_action_that_nobody_gave_rules_is_a_breach() -> None:
    actions: Any = (Novelty(),)
    found = contract(replace(PLAN, actions=actions), SIGNED)
    assert found == ("novelty: nobody has said what it may do",)


def test_a_second_d_tag_of_another_repository_is_a_breach() -> None:
    sign = drafted(tags=(("d", "gadget"), *DRAFT.tags))
    assert contract(replace(PLAN, actions=(sign,)), SIGNED) != ()


def test_two_actions_with_one_key() -> None:
    assert contract(replace(PLAN, actions=(PUSH, PUSH)), SIGNED) == ("two actions have one key",)


def test_an_owner_without_a_signer_is_never_signed_for() -> None:
    assert contract(PLAN, desired("alpha", "beta", "gamma")) != ()


def test_index_relays_are_servers_of_the_desired_state() -> None:
    wish = desired("alpha", "beta", "gamma", owners=SIGNED.npubs, index=["index"])
    action = replace(PUSH, server=url("index"))
    assert contract(replace(PLAN, actions=(action,)), wish) == ()
    assert PUSH.why is Why.REFS_DIFFER


def test_a_renamed_default_branch_needs_nobody() -> None:
    """The state names another HEAD, which exists: it has said what goes."""
    have = refs(heads(3), head="refs/heads/b02")
    assert names(world(heads(2), have, head="refs/heads/b01")) == []
    assert names(world(heads(2), have, head="refs/heads/b02")) == [DELETE_HEAD]
    assert names(world(heads(2), have, head="refs/heads/nowhere")) == [DELETE_HEAD]


def test_a_deletion_that_the_planner_forgot_is_still_seen() -> None:
    seen = world(heads(6), refs(heads(10)))
    plan = planned(WISH, seen)
    blind = [replace(a, aligns=()) for a in plan.actions if isinstance(a, Publish)]
    found = judge(replace(plan, actions=tuple(blind)), WISH, seen)
    assert [f.guard for f in found] == [MASS_DELETE]


# --- may anything be signed now? -----------------------------------------------------------------


def joining(
    *others: ServerView, relays: tuple[str, ...] = (), skew: float | None = None, at: int = 0
) -> list[Finding]:
    """Alice's announcement lists alpha (and these relays); beta joins. Others answered so."""
    extra = [("relays", *(f"wss://{relay}.example" for relay in relays))] if relays else []
    ann = ALICE.announce("widget", ["alpha"], extra=extra, at=at)
    wish = desired("alpha", "beta", owners=[Npub(pubkey=ALICE.pubkey, name="alice", signer="key")])
    alpha = view("alpha", [ann], {WIDGET: refs({})})
    seen = observed([ann], replace(alpha, skew=skew), view("beta"), *others)
    plan = planned(wish, seen)
    assert [a.adds for a in plan.actions if isinstance(a, Sign)] == [(url("beta"),)]
    found = list(judge(plan, wish, seen))
    assert all(f.hold and f.keys == (f"sign:{WIDGET}",) for f in found)
    assert judge(plan, wish, seen, HOLDS) == tuple(replace(f, accepted=True) for f in found)
    return found


def test_a_signature_waits_for_every_place_that_may_hold_a_newer_announcement() -> None:
    assert joining() == []
    (silent,) = joining(view("gamma", grasp=False, down=True))
    assert (silent.guard, silent.repository) == (UNSURE, "alice/widget")
    assert "gamma.example" in silent.detail
    (unread,) = joining(relays=("zeta",))
    assert (unread.guard, "zeta.example" in unread.detail) == (UNSURE, True)
    read = replace(view("zeta", grasp=False), witness=True)
    assert joining(read, relays=("zeta",)) == []


def test_nothing_is_signed_with_a_clock_that_the_servers_contradict() -> None:
    assert joining(skew=100.0) == []
    assert [f.guard for f in joining(skew=3600.0)] == [CLOCK]
    assert [f.guard for f in joining(skew=-3600.0)] == [CLOCK]


def test_an_announcement_from_the_future_is_not_signed_over() -> None:
    assert [f.guard for f in joining(at=10 * 86_400)] == [CLOCK]
