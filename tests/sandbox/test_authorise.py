"""The push decision as a table of values: no server, no git."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import nip34
from reconciler.nostr.nip34 import State
from reconciler.sandbox.family.ngit_grasp import NGIT_GRASP
from reconciler.sandbox.family.presets import SPEC
from reconciler.sandbox.family.rules import Family, Tie
from reconciler.sandbox.policy.authorise import Push, refusal
from reconciler.sandbox.policy.reading import newest
from tests.kit.git import ZERO
from tests.kit.servers import ALICE, BOB, NOW

A, B, C = ("a" * 40, "b" * 40, "c" * 40)
MAIN, DEV, TAG, PULL = "refs/heads/main", "refs/heads/dev", "refs/tags/v1", "refs/nostr/" + "e" * 64
ID = "e" * 64


def state(refs: dict[str, str], *, at: int = NOW, by: str = "alice") -> State:
    person = ALICE if by == "alice" else BOB
    return nip34.state(person.state("widget", refs, at=at))


BASE = Push(
    updates=(),
    current={MAIN: A, DEV: A},
    authority=frozenset({ALICE.pubkey}),
    waiting=(),
    stored=(),
    tips={},
)
TO_B = state({MAIN: B, DEV: A})
DROP_DEV = state({MAIN: B})

CASES = {
    "nothing announced": (
        replace(BASE, authority=frozenset()),
        ((MAIN, A, B),),
        "No repository announcement found",
        "No repository announcement found",
    ),
    "waiting state matches": (replace(BASE, waiting=(TO_B,)), ((MAIN, A, B),), None, None),
    "stored state matches": (
        replace(BASE, stored=(TO_B,)),
        ((MAIN, A, B),),
        None,
        "No state events in purgatory",
    ),
    "stored newer than waiting": (
        replace(BASE, waiting=(TO_B,), stored=(state({MAIN: A, DEV: A}, at=NOW + 1),)),
        ((MAIN, A, B),),
        f"Ref validation failed: {MAIN} (state declares {A})",
        None,
    ),
    "only a stranger's state": (
        replace(BASE, waiting=(state({MAIN: B, DEV: A}, by="bob"),)),
        ((MAIN, A, B),),
        "No state event from an authorized publisher found",
        "1 state event in purgatory but none from authorized publishers",
    ),
    "stray ref in the way": (
        replace(BASE, waiting=(DROP_DEV,)),
        ((MAIN, A, B),),
        None,
        f"({DEV} not declared by state)",
    ),
    "branch delete": (
        replace(BASE, waiting=(DROP_DEV,)),
        ((MAIN, A, B), (DEV, A, ZERO)),
        None,
        "Branch dev push rejected: not announced in state event",
    ),
    "tag delete": (
        replace(BASE, current={MAIN: A, TAG: A}, waiting=(DROP_DEV,)),
        ((MAIN, A, B), (TAG, A, ZERO)),
        None,
        None,
    ),
    "delete of a declared ref": (
        replace(BASE, waiting=(TO_B,)),
        ((DEV, A, ZERO),),
        f"{DEV} (state declares {A})",
        f"{DEV} missing (state declares {A})",
    ),
    "wrong object": (
        replace(BASE, waiting=(TO_B,)),
        ((MAIN, A, C),),
        f"{MAIN} (state declares {B})",
        f"{MAIN} at {C} (state declares {B})",
    ),
    "no-op of everything": (
        BASE,
        ((MAIN, A, A),),
        "No state event from an authorized publisher found",
        None,
    ),
    "other namespace rides along": (
        replace(BASE, waiting=(TO_B,)),
        ((MAIN, A, B), ("refs/notes/x", ZERO, C)),
        "refs/notes/x is neither a branch nor a tag",
        None,
    ),
    "unknown pull request": (replace(BASE, authority=frozenset()), ((PULL, ZERO, C),), None, None),
    "known pull request": (replace(BASE, tips={ID: C}), ((PULL, ZERO, C),), None, None),
    "known pull request, wrong commit": (
        replace(BASE, tips={ID: C}),
        ((PULL, ZERO, A),),
        "commit mismatch",
        "commit mismatch",
    ),
    "delete of a known pull request": (
        replace(BASE, tips={ID: C}),
        ((PULL, C, ZERO),),
        "commit mismatch",
        "commit mismatch",
    ),
    "an event that is no pull request": (
        replace(BASE, tips={ID: None}),
        ((PULL, ZERO, C),),
        "commit mismatch",
        "commit mismatch",
    ),
    "no event id": (
        BASE,
        (("refs/nostr/" + "e" * 63, ZERO, C),),
        "does not name an event id",
        "does not name an event id",
    ),
    "an event id in capitals": (
        BASE,
        (("refs/nostr/" + "E" * 64, ZERO, C),),
        "does not name an event id",
        None,
    ),
    "pull request beside a refused branch": (
        BASE,
        ((PULL, ZERO, C), (MAIN, A, B)),
        "No state event from an authorized publisher found",
        "No state events in purgatory",
    ),
}


@pytest.mark.parametrize("family", [SPEC, NGIT_GRASP], ids=lambda d: d.name)
@pytest.mark.parametrize("case", CASES)
def test_a_push_is_judged_as_its_family_does(case: str, family: Family) -> None:
    push, updates, spec, ngit = CASES[case]
    commands = tuple(RefUpdate(name, old, new) for name, old, new in updates)
    found = refusal(family, replace(push, updates=commands))
    wanted = spec if family is SPEC else ngit
    assert (found is None) == (wanted is None), found
    assert (wanted or "") in (found or "")


def test_ties_of_states_go_by_the_familys_rule() -> None:
    old, *twins = state({MAIN: C}, at=NOW - 1), state({MAIN: A}), state({MAIN: B})
    low, high = sorted(twins, key=lambda s: s.event.id)
    assert newest((old, high, low), Tie.LOWEST) == low
    assert newest((old, low, high), Tie.HIGHEST) == high
    assert newest((high, low), Tie.LAST) == low
    assert newest((low, high), Tie.LAST) == high
    assert newest((), Tie.LOWEST) is None
