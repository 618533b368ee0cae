"""The planner, judged by cases that stand as data in `cases/`: a world in, a plan in words out.

Every plan made on the way must also keep its contract, survive a round trip as a saved plan, and
not depend on the order in which events arrived.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from reconciler.guard import contract
from reconciler.model.codec import digest, plan_from_json, plan_to_json, pretty
from reconciler.model.observed import Observed
from tests.cases.loader import Words, cases
from tests.kit.protocol import DECIDED, SCENARIOS
from tests.kit.values import planned

CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_a_world_leads_to_the_plan_of_its_case(name: str) -> None:
    case, (world, words) = CASES[name], opened(name)
    made = planned(case.desired(), world)
    assert words.of(made) == case.expected()


@pytest.mark.parametrize("name", CASES)
def test_every_plan_is_sound(name: str) -> None:
    wish, (world, _) = CASES[name].desired(), opened(name)
    made = planned(wish, world)
    assert contract(made, wish) == ()
    assert plan_from_json(pretty(plan_to_json(made)).encode(), place="x") == made
    turned = replace(world, events=world.events[::-1])
    assert planned(wish, turned) == made
    assert digest(planned(wish, replace(world, at=world.at + 1))) == digest(made)


@cache
def opened(name: str) -> tuple[Observed, Words]:
    """Signed once, for all tests of a case."""
    case = CASES[name]
    events = case.signed()
    return case.observed(events), Words(events, len(case.repositories()) > 1)


def test_the_cases_cover_what_the_planner_decides() -> None:
    covered = {number for case in CASES.values() for number in case.scenarios}
    assert DECIDED <= covered <= SCENARIOS
    assert len(CASES) >= 35
