"""The form of the table: a row is a clause, a probe, and what each family's server shows it.

A probe does one small thing and returns what it saw. `expect` is the description: a family that is
not in it has no such behaviour to show (n/a). Where nobody has described what the real server does,
its cell is a guess, and is printed so. A row's name begins with a section of docs/protocol.md, or
with 01 for GRASP-01.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from reconciler.conformance.stage import Stage

SPEC, NGIT, NGIT_3, RELAY, KHATRU, GITEA = FAMILIES = (
    "spec",
    "ngit-grasp",
    "ngit-grasp-3",
    "ngit-relay",
    "khatru",
    "gitea",
)
PARKING: Final = (SPEC, NGIT)
"""Families whose purgatory says so."""

Probe = Callable[[Stage], object]
P = TypeVar("P", bound=Probe)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    id: str
    clause: str
    probe: Probe
    expect: Mapping[str, object]
    guesses: frozenset[str] = frozenset()
    """Families of which `expect` is nobody's word but ours."""


ROWS: Final[dict[str, Row]] = {}


def row(
    row_id: str, clause: str, expect: Mapping[str, object], *, guesses: Iterable[str] = ()
) -> Callable[[P], P]:
    """Declare a row; what it decorates is its probe. Nobody has ngit-grasp-3's source: where its
    documents say nothing, it is guessed to be as ngit-grasp."""
    if NGIT in expect and NGIT_3 not in expect:
        expect, guesses = {**expect, NGIT_3: expect[NGIT]}, (*guesses, NGIT_3)

    def declare(probe: P) -> P:
        assert row_id not in ROWS, f"two rows {row_id}"
        ROWS[row_id] = Row(
            row_id, clause, probe, MappingProxyType(dict(expect)), frozenset(guesses)
        )
        return probe

    return declare


def all_of(value: object, **but: object) -> dict[str, object]:
    """The same for all families, except those named (`-` is written `_`)."""
    named = {name: name.replace("-", "_") for name in FAMILIES}
    assert but.keys() <= set(named.values())
    return {n: but.get(k, value) for n, k in named.items() if n != NGIT_3 or k in but}


def some(value: object, *families: str) -> dict[str, object]:
    """The same for these families; the others have no such behaviour."""
    return dict.fromkeys(families, value)
