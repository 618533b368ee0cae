"""How long to wait after a failure. Pure: time and chance are arguments, in seconds and 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.errors import OurFault


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds that double from `first` to `most`. `spread` is the share by which chance moves a
    delay up or down, so that many clients of one server do not come back in the same second."""

    first: float
    most: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.most and 0 <= self.spread < 1):
            raise OurFault(f"impossible back-off {self.first}..{self.most} ± {self.spread}")

    def delay(self, failures: int, chance: float = 0.5) -> float:
        """Seconds to wait after this many failures in a row (1 is the first)."""
        # The exponent is capped before it is used: 2.0**1024 overflows.
        doubled = self.first * 2.0 ** min(max(failures, 1) - 1, 60)
        return min(doubled, self.most) * (1 + self.spread * (2 * chance - 1))


HUNT: Final = Backoff(first=20, most=120)
"""GRASP-02, git data for purgatory: 20, 40, 80, then every 120 s until the entry expires."""
HEALTH: Final = Backoff(first=5, most=3600, spread=0.1)
"""GRASP-02, relays: 5 s to an hour."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a peer has behaved: failures in a row, and the time before which it is left alone."""

    failures: int = 0
    not_before: float = 0.0

    def failed(self, now: float, chance: float, backoff: Backoff = HEALTH) -> Health:
        """One failure more."""
        failures = self.failures + 1
        return Health(failures, now + backoff.delay(failures, chance))

    def paused(self, until: float) -> Health:
        """Asked to come back later (a rate limit): no failure, and no contact before `until`."""
        return Health(self.failures, max(self.not_before, until))
