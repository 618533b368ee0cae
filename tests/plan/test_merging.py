"""The refs of the next state: what the source has beyond the newest one, and nothing lost."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.model.desired import Source
from reconciler.model.observed import Ancestry, Listing
from reconciler.nostr import nip34
from reconciler.nostr.nip34 import State
from reconciler.plan.merging import Merge, head, merge, peeled
from tests.kit.people import ALICE
from tests.kit.values import oid

MAIN, TOPIC, TAG = "refs/heads/main", "refs/heads/topic", "refs/tags/v1"


def listing(refs: Mapping[str, int], head: str | None = MAIN, **peeled: int) -> Listing:
    points = tuple((f"refs/tags/{name}", oid(n)) for name, n in peeled.items())
    return Listing(tuple(sorted((n, oid(i)) for n, i in refs.items())), head, points)


def stood(refs: Mapping[str, int], head: str = MAIN, **more: int) -> State:
    named = {name: oid(number) for name, number in refs.items()}
    extra = tuple((f"refs/tags/{name}^{{}}", oid(number)) for name, number in more.items())
    return nip34.state(ALICE.state("widget", named, head=head, extra=extra))


def merged(
    old: Mapping[str, int] | None,
    new: Mapping[str, int],
    steps: Mapping[tuple[int, int], bool | None] | None = None,
    *,
    rewrites: tuple[str, ...] | None = (),
    one_thing: bool = False,
) -> Merge:
    known = {
        (oid(a), oid(b)): Ancestry(oid(a), oid(b), forward, count=2)
        for (a, b), forward in (steps or {}).items()
    }
    source = Source(url="https://git.example/w", adopt=True, rewrites=rewrites)
    base = stood(old) if old else None
    return merge(base, listing(new), known, source, one_thing=one_thing)


def numbers(found: Merge) -> dict[str, int]:
    return {name: int(value[0], 16) for name, value in found.refs.items()}


def test_without_a_state_everything_is_taken() -> None:
    found = merged(None, {MAIN: 1, TAG: 2})
    assert (numbers(found), found.kept, found.gone) == ({MAIN: 1, TAG: 2}, [], {})


def test_what_the_source_moved_on_is_taken_with_what_is_new() -> None:
    found = merged({MAIN: 1}, {MAIN: 2, TOPIC: 3}, {(1, 2): True})
    assert (numbers(found), found.kept) == ({MAIN: 2, TOPIC: 3}, [])


@pytest.mark.parametrize("forward", [False, None])
def test_what_was_rewritten_or_could_not_be_compared_stays(forward: bool | None) -> None:
    found = merged({MAIN: 1, TOPIC: 4}, {MAIN: 2, TOPIC: 5}, {(1, 2): forward, (4, 5): True})
    assert numbers(found) == {MAIN: 1, TOPIC: 5}
    ((name, why),) = found.kept
    assert name == MAIN
    assert oid(2) in why


def test_a_move_that_nobody_looked_at_stays() -> None:
    assert numbers(merged({MAIN: 1}, {MAIN: 2})) == {MAIN: 1}


@pytest.mark.parametrize("rewrites", [(oid(2),), None])
def test_what_the_operator_named_is_taken(rewrites: tuple[str, ...] | None) -> None:
    found = merged({MAIN: 1}, {MAIN: 2}, {(1, 2): False}, rewrites=rewrites)
    assert (numbers(found), found.kept) == ({MAIN: 2}, [])


def test_another_name_than_the_new_tip_takes_nothing() -> None:
    found = merged({MAIN: 1}, {MAIN: 2}, {(1, 2): False}, rewrites=(oid(1), oid(3)))
    assert numbers(found) == {MAIN: 1}


def test_a_branch_goes_when_the_main_line_contains_it_or_another_name_has_it() -> None:
    old = {MAIN: 1, TOPIC: 3, "refs/heads/same": 1}
    found = merged(old, {MAIN: 2}, {(1, 2): True, (3, 2): True})
    assert (numbers(found), sorted(found.gone)) == ({MAIN: 2}, ["refs/heads/same", TOPIC])
    found = merged({MAIN: 1, TOPIC: 3}, {MAIN: 1, TAG: 3}, {(3, 1): False})
    assert (numbers(found), sorted(found.gone)) == ({MAIN: 1, TAG: 3}, [TOPIC])


def test_a_branch_that_nothing_contains_stays_until_it_is_named() -> None:
    old, new, steps = {MAIN: 1, TOPIC: 3}, {MAIN: 1}, {(3, 1): False}
    assert numbers(merged(old, new, steps)) == {MAIN: 1, TOPIC: 3}
    assert numbers(merged(old, new, steps, rewrites=(oid(3),))) == {MAIN: 1}


def test_what_goes_waits_for_what_is_new_where_a_family_takes_one_thing() -> None:
    old, new, steps = {MAIN: 1, TOPIC: 3}, {MAIN: 2}, {(1, 2): True, (3, 2): True}
    found = merged(old, new, steps, one_thing=True)
    assert numbers(found) == {MAIN: 2, TOPIC: 3}
    assert TOPIC in found.later
    found = merged({MAIN: 2, TOPIC: 3}, new, steps, one_thing=True)
    assert (numbers(found), found.later) == ({MAIN: 2}, "")


def test_what_is_new_waits_where_its_name_is_in_the_way_of_what_goes() -> None:
    old, new = {MAIN: 1, "refs/heads/a": 1}, {MAIN: 1, "refs/heads/a/b": 4}
    found = merged(old, new, {(1, 1): True}, one_thing=True)
    assert numbers(found) == {MAIN: 1}
    assert found.later


def test_tags_alone_wait_for_nothing() -> None:
    found = merged({MAIN: 1, TAG: 1}, {MAIN: 2}, {(1, 2): True}, one_thing=True)
    assert (numbers(found), found.later) == ({MAIN: 2}, "")


def test_names_that_no_state_can_hold_are_left_out() -> None:
    found = merged(None, {MAIN: 1, "refs/pull/1/head": 2, "refs/notes/commits": 3})
    assert numbers(found) == {MAIN: 1}


@pytest.mark.parametrize(
    ("told", "refs", "before", "wanted"),
    [
        (TOPIC, {MAIN: 1, TOPIC: 2}, MAIN, TOPIC),
        ("refs/heads/gone", {MAIN: 1, TOPIC: 2}, TOPIC, TOPIC),
        (None, {MAIN: 1, TOPIC: 2}, TOPIC, TOPIC),
        (None, {"refs/heads/master": 1, TOPIC: 2}, MAIN, "refs/heads/master"),
    ],
)
def test_head_follows_the_source_where_it_may(
    told: str | None, refs: dict[str, int], before: str, wanted: str
) -> None:
    named = {name: oid(number) for name, number in refs.items()}
    base = stood({MAIN: 1, TOPIC: 2}, head=before)
    assert head(listing(refs, told), named, base) == wanted


def test_annotated_tags_keep_what_they_point_to() -> None:
    base = stood({MAIN: 1, TAG: 5}, v1=6)
    names = {MAIN: oid(1), TAG: oid(5), "refs/tags/v2": oid(7)}
    found = peeled(names, listing({MAIN: 1, "refs/tags/v2": 7}, v2=8), base)
    assert found == {TAG: oid(6), "refs/tags/v2": oid(8)}
