"""Where a repository should be: what is listed stays, what is down is not signed away or in."""

from __future__ import annotations

from itertools import combinations

import pytest

from reconciler.model.desired import Npub, Policies
from reconciler.model.observed import Absent, Observed
from reconciler.nostr.nip34 import Announcement
from reconciler.plan.placement import signing, sources, wanted
from tests.kit.people import ALICE, EPOCH, WIDGET, url
from tests.kit.values import NOW, desired, observed, oid, parsed, refs, view

NAMES = ("alpha", "beta", "gamma", "delta")
SIGNER = (Npub(pubkey=ALICE.pubkey, name="alice", signer="key"),)


def places(listed: tuple[str, ...], replicas: int | None, *down: str) -> list[str]:
    wish = desired(*NAMES, policies=Policies(replicas=replicas))
    found = wanted(wish, seen(*down), announced(*listed))
    return [name for name in NAMES if url(name) in found]


def seen(*down: str) -> Observed:
    return observed([], *(view(name, down=name in down) for name in NAMES))


def announced(*listed: str) -> Announcement:
    return parsed(ALICE.announce("widget", listed))


@pytest.mark.parametrize("pair", list(combinations(NAMES, 2)))
def test_listed_servers_come_first_whatever_their_rank(pair: tuple[str, str]) -> None:
    assert places(pair, 2) == list(pair)


@pytest.mark.parametrize("pair", list(combinations(NAMES, 2)))
def test_a_listed_server_that_is_down_stays_wanted_and_is_made_up_for(
    pair: tuple[str, str],
) -> None:
    found = places(pair, 2, pair[0])
    assert set(pair) < set(found)
    assert len(found) == 3


def test_as_many_as_there_are() -> None:
    assert places((), None) == list(NAMES)
    assert places((), 9) == list(NAMES)
    assert len(places((), 2)) == 2
    assert places((), 2) == places((), 2)


def test_a_new_announcement_adds_what_is_missing_and_is_newer() -> None:
    wish = desired(*NAMES, owners=SIGNER)
    old = announced("beta")
    sign = signing(wish, seen("delta"), old, tuple(map(url, NAMES)))
    assert sign is not None
    assert (sign.signer, sign.before) == ("key", old.event.id)
    assert sign.adds == (url("alpha"), url("gamma"))
    assert sign.draft.created_at == EPOCH + NOW
    assert signing(wish, seen(), old, (url("beta"),)) is None
    assert signing(desired(*NAMES), seen(), old, tuple(map(url, NAMES))) is None


def test_sources_are_those_with_most_of_what_is_missing() -> None:
    world = observed(
        [],
        view("alpha", cells={WIDGET: refs({"refs/heads/a": oid(1)})}),
        view("beta", cells={WIDGET: refs({"refs/heads/a": oid(1), "refs/heads/b": oid(2)})}),
        view("gamma", cells={WIDGET: Absent()}),
        view("delta", down=True),
        archived={WIDGET: frozenset({oid(3)})},
    )
    wish = frozenset(map(oid, (1, 2, 3, 4)))
    assert sources(world, WIDGET, wish) == ((url("beta"), url("alpha")), frozenset({oid(4)}))
    assert sources(world, WIDGET, frozenset({oid(3)})) == ((), frozenset())
    assert sources(world, ALICE.coordinate("gadget"), frozenset({oid(1)})) == (
        (),
        frozenset({oid(1)}),
    )
