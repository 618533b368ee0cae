"""What happened: one outcome an action, then one report a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Verb
from reconciler.model.observed import BadSource
from reconciler.model.plan import CellVerdict, Hold, RepositorySummary, ServerSummary, Unmatched
from reconciler.nostr.nip34 import Coordinate

REPORT_VERSION = 1


class Result(StrEnum):
    """The end of one action. Planned and executed are different facts."""

    DONE = "done"  # read back: the world now shows it
    SETTLING = "settling"  # the server said yes and does not show it yet (purgatory, alignment)
    DELEGATED = "delegated"  # the server is to get it from another one, and has not yet
    UNCHANGED = "unchanged"  # the world already was so when the action's turn came
    STALE = "stale"  # the precondition no longer held; nothing was written
    FAILED = "failed"  # the server refused, or the data could not be had
    UNREACHABLE = "unreachable"  # the server could not be reached for the write
    DEFERRED = "deferred"  # a limit, the server's or the run's: it goes on in a later run
    HELD = "held"  # the guard kept it back
    SKIPPED = "not-attempted"  # an earlier action that it needs failed, or the run was stopped


WRITTEN = frozenset({Result.DONE, Result.SETTLING})
"""Results after which something was sent and accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One action's end. `detail` may hold a server's words; `seconds` is its wall time.

    `coordinate`, `repository` (its name) and `deed` say what the action was, `why` it was there,
    `event` which one it sends, `changes` how many events and refs it writes; the report fills them
    in. `moved` are its refs, from where to where: what stood there before can be found by that.
    `bad_sources` are servers that should have given objects for it; it may have got them elsewhere.
    `again`: from when (seconds since 1970) a deferred one makes sense.
    """

    key: str
    verb: Verb
    server: str | None
    result: Result
    detail: str = ""
    seconds: float = 0.0
    repository: str = ""
    deed: str = ""
    coordinate: Coordinate | None = None
    changes: int = 0
    why: str = ""
    event: str | None = None
    moved: tuple[RefUpdate, ...] = ()
    bad_sources: tuple[BadSource, ...] = ()
    again: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A guard that refuses: which, where, the numbers, and the actions that it keeps back.

    With `hold` the world is in the way and not the plan: what is kept back is held, not refused.
    """

    guard: str
    repository: str
    server: str | None
    detail: str
    keys: tuple[str, ...]
    accepted: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recap:
    """One line of the recap: cells of this server, Ansible's words.

    Every cell counts once: `ok` is in sync after read-back, `settling` was written and is not
    visible yet, `drifted` needs something still, and so on. `changed` are those of them where
    something was written; `accepted` is held, and the desired state takes it as normal; `deferred`
    differs still, and a later run goes on with it.
    """

    server: str
    ok: int
    changed: int
    unreachable: int
    failed: int
    held: int
    drifted: int
    settling: int
    accepted: int
    deferred: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run, in the order of the run: its name and how many seconds it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, whole. Times are RFC 3339 in UTC; `exit_codes` lists all that hold, worst first.

    `actor` is who ran it, `commit` the git commit of the desired state where there is one. `shard`
    is (number from 1, count) and `limit` the globs of the run; `merged` the ids of the runs that a
    joined report was made of. `previous` is the SHA-256 of the report that was written before it
    into the same folder: reports are a chain, in which none can be changed or left out unseen.
    """

    run_id: str
    mode: str
    started: str
    finished: str
    tool: str
    actor: str = ""
    commit: str | None = None
    shard: tuple[int, int] = (1, 1)
    limit: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    previous: str | None = None
    stages: tuple[Stage, ...] = ()
    desired_digest: str
    plan_digest: str
    exit_code: int
    exit_codes: tuple[int, ...]
    planned: int
    signatures: int
    events_sent: int
    pushes_sent: int
    recap: tuple[Recap, ...]
    servers: tuple[ServerSummary, ...]
    repositories: tuple[RepositorySummary, ...]
    cells: tuple[CellVerdict, ...]
    holds: tuple[Hold, ...]
    unmatched: tuple[Unmatched, ...]
    findings: tuple[Finding, ...]
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()
