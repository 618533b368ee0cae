"""Every row of the table, on a real server of every family that it speaks of.

`make test` has the specification's own column, and ngit-grasp's where it differs: the two that the
other tests stand on. `make conformance` runs all, and CI does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.conformance import rows
from reconciler.conformance.table import FAMILIES, NGIT, ROWS, SPEC, Row

from .conftest import Stages


def _marks(row: Row, family: str) -> list[pytest.MarkDecorator]:
    differs = family == NGIT and row.expect[family] != row.expect.get(SPEC)
    return [] if family == SPEC or differs else [pytest.mark.long]


CHECKS = [
    pytest.param(ROWS[name], family, id=f"{name}-{family}", marks=_marks(ROWS[name], family))
    for family in FAMILIES
    for name in rows.NAMES
    if family in ROWS[name].expect
]


@pytest.mark.parametrize(("row", "family"), CHECKS)
def test_the_embedded_family_does_what_the_row_says(
    stages: Stages,
    record_property: Callable[[str, object], None],
    row: Row,
    family: str,
) -> None:
    record_property("row", row.id)
    record_property("family", family)
    stage = stages.of(family)
    stage.begin()
    assert row.probe(stage) == row.expect[family]


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.id)
def test_every_row_speaks_of_known_families(row: Row) -> None:
    assert row.clause
    assert set(row.expect) <= set(FAMILIES)
    assert row.expect
    assert set(row.evidence) == set(row.expect)
