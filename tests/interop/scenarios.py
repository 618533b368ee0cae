"""All scenarios, in the order of the table."""

from __future__ import annotations

from . import (
    scenarios_audit,
    scenarios_events,
    scenarios_harm,
    scenarios_living,
    scenarios_ngit,
    scenarios_people,
    scenarios_refs,
    scenarios_signer,
    scenarios_source,
    scenarios_spread,
)
from .scenario import SCENARIOS, Scenario

MODULES = (
    scenarios_spread,
    scenarios_refs,
    scenarios_events,
    scenarios_people,
    scenarios_harm,
    scenarios_living,
    scenarios_ngit,
    scenarios_source,
    scenarios_signer,
    scenarios_audit,
)


def in_order() -> list[Scenario]:
    """By module, then as they stand in it."""
    names = [module.__name__ for module in MODULES]
    return sorted(SCENARIOS.values(), key=lambda s: names.index(s.play.__module__))
