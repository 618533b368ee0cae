"""Is each server what it should be: its document, its relay, its git side and its clock. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.limits import CLOCK_SECONDS
from reconciler.report.lines import Line
from reconciler.report.marks import Mark


@dataclass(frozen=True, slots=True)
class Check:
    """One question to one server; `answer` is safe to print. `ok` None: it was not answered, or
    not `asked`."""

    name: str
    ok: bool | None
    answer: str
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Verified:
    """One server and what was asked of it; `unknown`: whether something could not be learnt."""

    name: str
    checks: tuple[Check, ...]
    unknown: bool = field(default=False)

    @property
    def ok(self) -> bool:
        """Was nothing answered wrongly?"""
        return all(check.ok is not False for check in self.checks)


def clock(skew: float | None) -> Check:
    """The clock; `skew` is by how many seconds ours is ahead."""
    if skew is None:
        return Check("clock", None, "the server told none")
    seconds = round(-skew) or 0
    return Check("clock", abs(skew) <= CLOCK_SECONDS, f"{seconds:+d} s from ours")


def lines(servers: Iterable[Verified]) -> dict[str, tuple[Line, ...]]:
    """Server by server, a line for each question."""
    symbols = {True: Mark.SYNC.symbol, False: Mark.FAILED.symbol, None: Mark.UNKNOWN.symbol}
    return {
        server.name: tuple(
            Line(symbols[check.ok], f"{check.name}: {check.answer}") for check in server.checks
        )
        for server in servers
    }
