"""What a run was asked for, apart from the desired state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.limits import WAIT_SECONDS

if TYPE_CHECKING:  # the command line knows what it was asked for before it needs a plan
    from reconciler.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a run was asked for.

    `saved` is a plan to apply exactly, or with `still_valid` that part of it which would be planned
    now as it stands there; `accept` pairs guards with the plan digest (or its
    beginning) that they are lifted for; `wait` seconds are given to what servers do by themselves.
    """

    write: bool = False
    saved: Plan | None = None
    still_valid: bool = False
    accept: tuple[tuple[str, str], ...] = ()
    limit: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)
    forks: int = 16
    deep: bool = False
    wait: float = WAIT_SECONDS
