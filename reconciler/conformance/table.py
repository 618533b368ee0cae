"""The form of the table: a row is a clause, a probe, and what each family's server shows it.

A probe does one small thing and returns what it saw. `expect` is the description: a family that is
not in it has no such behaviour to show (n/a). Each cell says on whose word it stands. A row's name
begins with a section of docs/protocol.md, or with 01 for GRASP-01.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
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


class Evidence(Enum):
    """On whose word a cell stands."""

    SHOWN = "shown"
    """A real server showed it: this probe or the same steps by hand, on loopback (REAL)."""
    READ = "read"
    """The family's published source or documents say so; nobody saw it happen."""
    GUESS = "guess"
    """Neither: it is as in the nearest family."""
    OURS = "ours"
    """The specification's text, and where that is silent, the simplest."""


REAL: Mapping[str, str] = MappingProxyType(
    {
        NGIT: "ngit-grasp 1.0.2-30c47f3, 2026-11-24",
        RELAY: "ngit-relay 0.0.2-5e5c51b behind nginx 1.22.1, 2026-11-24",
        KHATRU: "nak v0.17.3 `serve --grasp` and khatru's GRASP example on LMDB "
        "(nostrlib 099569e), 2026-11-24",
    }
)
"""Which servers showed what is shown, and when."""

Probe = Callable[[Stage], object]
P = TypeVar("P", bound=Probe)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    id: str
    clause: str
    probe: Probe
    expect: Mapping[str, object]
    evidence: Mapping[str, Evidence]
    """By family, for all in `expect`."""
    also: Mapping[str, object] = field(default_factory=dict)
    """By family: what another server of it shows. The embedded ones show what is in `expect`."""

    def agrees(self, family: str, seen: object) -> bool:
        """Is that what servers of this family show?"""
        return seen == self.expect[family] or (family in self.also and seen == self.also[family])


ROWS: Final[dict[str, Row]] = {}


def row(
    row_id: str,
    expect: Mapping[str, object],
    *,
    read: Iterable[str] = (),
    guesses: Iterable[str] = (),
    also: Mapping[str, object] | None = None,
) -> Callable[[P], P]:
    """Declare a row; what it decorates is its probe, whose docstring is the row's clause: the rule,
    or the question with what the probe answers. Families with a real server (REAL) have shown
    what they do unless they are in `read`. Nobody has ngit-grasp-3's source: where its documents
    say nothing, it is guessed to be as ngit-grasp."""
    if NGIT in expect and NGIT_3 not in expect:
        expect, guesses = {**expect, NGIT_3: expect[NGIT]}, (*guesses, NGIT_3)
    evidence = {name: _evidence(name, tuple(read), tuple(guesses)) for name in expect}

    def declare(probe: P) -> P:
        assert row_id not in ROWS, f"two rows {row_id}"
        clause = inspect.getdoc(probe) or ""
        more = MappingProxyType(dict(also or {}))
        ROWS[row_id] = Row(
            id=row_id,
            clause=clause,
            probe=probe,
            expect=MappingProxyType(dict(expect)),
            evidence=evidence,
            also=more,
        )
        return probe

    return declare


def _evidence(family: str, read: tuple[str, ...], guesses: tuple[str, ...]) -> Evidence:
    if family in guesses:
        return Evidence.GUESS
    if family == SPEC:
        return Evidence.OURS
    return Evidence.SHOWN if family in REAL and family not in read else Evidence.READ


def all_of(value: object, **but: object) -> dict[str, object]:
    """The same for all families, except those named (`-` is written `_`)."""
    named = {name: name.replace("-", "_") for name in FAMILIES}
    assert but.keys() <= set(named.values())
    return {n: but.get(k, value) for n, k in named.items() if n != NGIT_3 or k in but}


def some(value: object, *families: str) -> dict[str, object]:
    """The same for these families; the others have no such behaviour."""
    return dict.fromkeys(families, value)
