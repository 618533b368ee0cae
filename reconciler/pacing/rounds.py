"""When a daemon runs next, and about what. Pure: times are seconds of any clock, chance 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Due:
    """A run is due: of everything, or (`names`) of some repositories."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing is due before `at`."""

    at: float


@dataclass(slots=True, kw_only=True)
class Rounds:
    """Everything is due each `interval` seconds, and up to `jitter` later, so that many machines do
    not ask the same servers in the same second. What somebody tells of is due after `gather`
    seconds, in which more of it may come; of more than `most` repositories, everything is.
    """

    interval: float
    jitter: float = 0.0
    gather: float = 0.5
    most: int = 20
    _whole_at: float = 0.0
    _first: float | None = None
    _asked: dict[str, None] = field(default_factory=dict)

    def ask(self, name: str, now: float) -> None:
        """Something happened in a repository."""
        if not self._asked:
            self._first = now
        self._asked[name] = None

    def ask_all(self, now: float) -> None:
        """Everything is due now: the desired state is another one."""
        self._whole_at = min(self._whole_at, now)

    def decide(self, now: float, chance: float) -> Due | Later:
        """What to do now. What is due counts as begun."""
        part_at = float("inf") if self._first is None else self._first + self.gather
        if now >= self._whole_at or (now >= part_at and len(self._asked) > self.most):
            self._clear()
            self._whole_at = now + self.interval + chance * self.jitter
            return Due()
        if now >= part_at:
            names = tuple(self._asked)
            self._clear()
            return Due(names)
        return Later(min(self._whole_at, part_at))

    def _clear(self) -> None:
        self._asked.clear()
        self._first = None
