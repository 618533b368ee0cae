"""The operator's own entries: rules by glob, holds that are normal here, words that fit nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.facts.selection import select
from reconciler.model.actions import Sign
from reconciler.model.desired import AcceptedHold, Desired, Npub, Pause, Policies, Rule
from reconciler.model.observed import Observed
from reconciler.model.plan import Entry, HoldReason, Plan, Unmatched, Verdict
from reconciler.nostr import urls
from reconciler.plan import plan
from tests.kit.people import ALICE, BOB, EPOCH, WIDGET, url
from tests.kit.values import NOW, desired, observed, oid, refs, view

GADGET = ALICE.coordinate("gadget")
LATER = EPOCH + NOW + 1


def places(rules: list[Rule], npub: Npub | None = None) -> list[str]:
    owner = npub or Npub(pubkey=ALICE.pubkey, name="alice")
    wish = desired("alpha", "beta", "gamma", owners=[owner], rules=rules)
    return [urls.host(server.url).partition(".")[0] for server in wish.allowed(WIDGET)]


@pytest.mark.parametrize("pattern", ["alice/widget", "alice/wid*", "alice/*", "*/widget", "*/*"])
def test_a_rule_takes_names_and_globs(pattern: str) -> None:
    assert places([Rule(pattern, block=(url("beta"),))]) == ["alpha", "gamma"]


@pytest.mark.parametrize("pattern", ["alice/widgit", "bob/*", "alice/Widget", "widget"])
def test_a_rule_for_others_changes_nothing(pattern: str) -> None:
    assert places([Rule(pattern, block=(url("beta"),))]) == ["alpha", "beta", "gamma"]


def test_the_very_name_counts_before_a_glob_and_the_first_glob_before_the_next() -> None:
    first, second = Rule("alice/*", block=(url("alpha"),)), Rule("*/w*", block=(url("beta"),))
    exact = Rule("alice/widget", block=(url("gamma"),))
    assert places([first, second]) == ["beta", "gamma"]
    assert places([second, first]) == ["alpha", "gamma"]
    assert places([first, second, exact]) == ["alpha", "beta"]


def test_a_name_with_signs_of_globs_is_a_name() -> None:
    assert Rule("alice/a[1]*").fits("alice/a[1]*")
    assert not Rule("alice/a[1]").fits("alice/b1")


def test_an_owner_s_servers_hold_unless_a_rule_allows_others_and_blocks_add_up() -> None:
    owner = Npub(pubkey=ALICE.pubkey, name="alice", allow=(url("alpha"), url("beta")))
    assert places([], owner) == ["alpha", "beta"]
    assert places([Rule("alice/*", allow=(url("gamma"),))], owner) == ["gamma"]
    assert places([Rule("alice/*", block=(url("beta"),))], owner) == ["alpha"]
    blocked = replace(owner, allow=None, block=(url("beta"),))
    assert places([Rule("alice/*", allow=(url("alpha"), url("beta")))], blocked) == ["alpha"]


def world(*, down: bool = False) -> Observed:
    """Two repositories of alice; the second is not listed on beta."""
    widget = ALICE.announce("widget", ["alpha", "beta"])
    gadget = ALICE.announce("gadget", ["alpha"])
    states = [
        ALICE.state(name, {"refs/heads/main": oid(2)}, at=10) for name in ("widget", "gadget")
    ]
    events = [widget, gadget, *states]
    listing = refs({"refs/heads/main": oid(2)})
    cells = {WIDGET: listing, GADGET: listing}
    beta = view("beta", down=True) if down else view("beta", events, cells)
    return observed(events, view("alpha", events, cells), beta)


def planned(wish: Desired, seen: Observed, limit: tuple[str, ...] = ()) -> Plan:
    return plan(wish, seen, select(wish, limit))


def accepting(*entries: AcceptedHold) -> Desired:
    return desired("alpha", "beta", policies=Policies(holds=entries))


NORMAL = AcceptedHold(HoldReason.NOT_LISTED, "alice/*", LATER)


@pytest.mark.parametrize(
    ("entry", "accepted"),
    [
        (NORMAL, True),
        (replace(NORMAL, where="alice/gadget"), True),
        (replace(NORMAL, where="alice/gadget@beta.example"), True),
        (replace(NORMAL, where="*@beta.example"), True),
        (replace(NORMAL, where="*@alpha.example"), False),
        (replace(NORMAL, where="alice/widget"), False),
        (replace(NORMAL, reason=HoldReason.TIE), False),
        (replace(NORMAL, until=EPOCH + NOW), False),  # its day is over
    ],
)
def test_a_hold_is_accepted_by_reason_place_and_date(entry: AcceptedHold, accepted: bool) -> None:
    (hold,) = planned(accepting(entry), world()).holds
    assert (hold.reason, hold.coordinate) == (HoldReason.NOT_LISTED, GADGET)
    assert hold.accepted is accepted


def test_an_accepted_hold_that_no_longer_stands_is_named() -> None:
    gone = replace(NORMAL, reason=HoldReason.TIE)
    found = planned(accepting(NORMAL, gone), world())
    assert found.unmatched == (Unmatched(Entry.HOLD, "states-tie at alice/*"),)


def test_a_part_of_the_repositories_says_nothing_of_accepted_holds() -> None:
    gone = replace(NORMAL, reason=HoldReason.TIE)
    assert planned(accepting(gone), world(), ("alice/widget",)).unmatched == ()


@pytest.mark.parametrize("down", [False, True])
def test_a_rule_that_fits_nothing_is_named_with_names_like_it(down: bool) -> None:
    rules = [Rule("alice/widgit", block=(url("beta"),)), Rule("alice/*"), Rule("bob/*")]
    wish = desired("alpha", "beta", rules=rules)
    assert planned(wish, world(down=down)).unmatched == (
        Unmatched(Entry.RULE, "alice/widgit", ("alice/widget", "alice/gadget")),
        Unmatched(Entry.RULE, "bob/*"),
    )


def test_a_limit_does_not_make_rules_look_wrong() -> None:
    wish = desired("alpha", "beta", rules=[Rule("alice/gadget")])
    assert planned(wish, world(), ("alice/widget",)).unmatched == ()


@pytest.mark.parametrize("limit", ["widget", "alice/w*", "*"])
def test_a_limit_that_fits(limit: str) -> None:
    assert planned(desired("alpha", "beta"), world(), (limit,)).unmatched == ()


def test_each_limit_that_fits_nothing_is_named() -> None:
    found = planned(desired("alpha", "beta"), world(), ("alice/widgit", "alice/gadget", "x"))
    assert [(slip.entry, slip.word) for slip in found.unmatched] == [
        (Entry.LIMIT, "alice/widgit"),
        (Entry.LIMIT, "x"),
    ]
    assert found.unmatched[0].near[0] == "alice/widget"


def test_a_limit_is_not_wrong_because_its_repository_is_another_shard_s() -> None:
    wish = desired("alpha", "beta")
    for number in (1, 2):
        found = plan(wish, world(), select(wish, ("alice/widget",), (number, 2)))
        assert found.unmatched == ()


def test_repositories_of_strangers_match_nothing() -> None:
    event = BOB.announce("widgit", ["alpha"])
    wish = desired("alpha", rules=[Rule("*/widgit")])
    seen = observed([event], view("alpha", [event]))
    assert [slip.word for slip in planned(wish, seen).unmatched] == ["*/widgit"]


def pausing(until: int, *names: str) -> Desired:
    """A fleet whose `beta` is paused; alice's key is at hand."""
    wish = desired(*names, owners=[Npub(pubkey=ALICE.pubkey, name="alice", signer="key")])
    servers = (
        replace(s, pause=Pause("moving", until)) if "beta" in s.url else s for s in wish.servers
    )
    return replace(wish, servers=tuple(servers))


@pytest.mark.parametrize("until", [LATER, EPOCH + NOW])
def test_a_paused_server_is_observed_and_not_written_to(until: int) -> None:
    announced = ALICE.announce("widget", ["alpha", "beta"])
    state = ALICE.state("widget", {"refs/heads/main": oid(2)}, at=10)
    seen = observed(
        [announced, state],
        view("alpha", [announced, state], {WIDGET: refs({"refs/heads/main": oid(2)})}),
        view("beta", [announced], {WIDGET: refs({})}),
    )
    found = planned(pausing(until, "alpha", "beta"), seen)
    (cell,) = (cell for cell in found.cells if cell.server == url("beta"))
    if until == LATER:
        (hold,) = found.holds
        assert (found.actions, cell.verdict) == ((), Verdict.HELD)
        assert (hold.reason, hold.detail, hold.accepted) == (HoldReason.PAUSED, "moving", True)
    else:
        assert (bool(found.actions), cell.verdict) == (True, Verdict.DRIFTED)


def test_no_signature_adds_a_paused_server() -> None:
    announced = ALICE.announce("widget", ["alpha"])
    state = ALICE.state("widget", {"refs/heads/main": oid(2)}, at=10)
    listing = {WIDGET: refs({"refs/heads/main": oid(2)})}
    seen = observed(
        [announced, state],
        view("alpha", [announced, state], listing),
        view("beta", [], {WIDGET: refs({})}),
        view("gamma", [], {WIDGET: refs({})}),
    )
    found = planned(pausing(LATER, "alpha", "beta", "gamma"), seen)
    (sign,) = (action for action in found.actions if isinstance(action, Sign))
    assert sign.adds == (url("gamma"),)
    assert not any(action.server == url("beta") for action in found.actions)
