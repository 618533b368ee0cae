"""Faults on demand: what a broken server does instead of answering, as data, and when.

A fault is armed for the whole server or aimed: so many times, only at a method, a part of the path
or of a relay message, only for some seconds. What each effect does is in `faulty`. Here is only
which one strikes.

A server that is down for good needs no fault: stop its listener.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from reconciler.errors import OurFault


class Stage(Enum):
    """Where a fault can strike."""

    SET = "at once, when it is armed"
    CONNECT = "a TCP connection"
    UPGRADE = "an HTTP request that opens a WebSocket"
    HTTP = "any other HTTP request"
    PUSH = "a git-receive-pack request"
    REFS = "a listing of refs"
    MESSAGE = "a relay message"
    QUERY = "a REQ, COUNT or NEG-OPEN"
    REQ = "a REQ alone"
    PUBLISH = "an EVENT"
    SYNC = "what the server would fetch by itself"


class Effect(Enum):
    """What happens."""

    NONE = auto()
    REFUSE = auto()  # nobody listens
    RESET_CONNECT = auto()  # accepted, then TCP RST
    RESET_REQUEST = auto()  # RST while the request is read
    RESET_ANSWER = auto()  # the work is done, half the answer, RST
    HANG = auto()  # nothing is ever answered
    SLOW = auto()  # `value` bytes at a time
    CUT = auto()  # half the answer, then an orderly end
    TRUNCATE = auto()  # half the answer, in a frame that fits it
    DUPLICATE = auto()  # everything twice
    WRONG_TYPE = auto()  # text/html
    STATUS = auto()  # nothing is done, `status` is answered
    DONE_STATUS = auto()  # all is done, `status` is answered all the same
    LOCKED_REF = auto()  # the push is done and reported as a race for the lock
    LOSE_GIT = auto()
    LOSE_DATABASE = auto()
    LOSE_PURGATORY = auto()  # as a restart without a saved purgatory: connections drop, too
    HIDE_STATE = auto()  # the newest state of each repository is left out
    CAP = auto()  # `value` events at most, and no sign of it
    CAP_REFS = auto()  # `value` refs at most, and no sign of it
    LIE = auto()  # OK true, nothing stored
    FLOOD = auto()  # `value` events that nobody asked for before each answer
    PASS_BY = auto()  # `value` per cent of it come, always the same ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail. `value` is the effect's number, where it has one."""

    name: str
    effect: Effect
    stages: frozenset[Stage]
    status: int = 0
    retry_after: int | None = None
    value: int = 0


def _fault(name: str, effect: Effect, *stages: Stage, **more: int) -> Fault:
    return Fault(name=name, effect=effect, stages=frozenset(stages), **more)


_REQUESTS: Final = (Stage.UPGRADE, Stage.HTTP)
_ANSWERS: Final = (Stage.HTTP, Stage.MESSAGE)
_STATUSES: Final = (403, 404, 413, 429, 500, 502)

HEALTHY: Final = _fault("", Effect.NONE)

FAULTS: Final = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            _fault("refuse", Effect.REFUSE, Stage.SET),
            _fault("reset-connect", Effect.RESET_CONNECT, Stage.CONNECT),
            _fault("reset-request", Effect.RESET_REQUEST, *_REQUESTS, Stage.MESSAGE),
            _fault("reset-answer", Effect.RESET_ANSWER, *_ANSWERS),
            _fault("hang", Effect.HANG, *_REQUESTS, Stage.MESSAGE),
            _fault("slow", Effect.SLOW, *_ANSWERS, value=16),
            _fault("ws-cut", Effect.CUT, *_ANSWERS),
            _fault("truncate", Effect.TRUNCATE, *_ANSWERS),
            _fault("duplicate", Effect.DUPLICATE, *_ANSWERS),
            _fault("wrong-type", Effect.WRONG_TYPE, Stage.HTTP),
            *(_fault(f"http-{n}", Effect.STATUS, *_REQUESTS, status=n) for n in _STATUSES),
            _fault("http-429-later", Effect.STATUS, *_REQUESTS, status=429, retry_after=7),
            _fault("http-504-done", Effect.DONE_STATUS, Stage.HTTP, status=504),
            _fault("cannot-lock-ref", Effect.LOCKED_REF, Stage.PUSH),
            _fault("lost-git", Effect.LOSE_GIT, Stage.SET),
            _fault("lost-database", Effect.LOSE_DATABASE, Stage.SET),
            _fault("lost-purgatory", Effect.LOSE_PURGATORY, Stage.SET),
            _fault("hidden-state", Effect.HIDE_STATE, Stage.QUERY),
            _fault("cap", Effect.CAP, Stage.QUERY, value=10),
            _fault("capped-refs", Effect.CAP_REFS, Stage.REFS, value=1),
            _fault("lying-ok", Effect.LIE, Stage.PUBLISH),
            _fault("flood", Effect.FLOOD, Stage.REQ, value=1000),
            _fault("no-sync", Effect.PASS_BY, Stage.SYNC),
            _fault("partial-sync", Effect.PASS_BY, Stage.SYNC, value=90),
        )
    }
)

_LOOK_SECONDS: Final = 0.02
"""Between looks of who hangs at the faults, which any thread may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """When an armed fault strikes: everything given must hold. `path` and `message` are parts of
    the still encoded path and of the message's text; `seconds` count from arming; `value` replaces
    the fault's own."""

    times: int | None = None
    method: str = ""
    path: str = ""
    message: str = ""
    seconds: float | None = None
    value: int | None = None

    def fits(self, method: str, path: str, message: str) -> bool:
        """Is this request or message meant?"""
        return self.method in ("", method) and self.path in path and self.message in message


ANYWHERE: Final = Aim()


@dataclass(frozen=True, slots=True)
class _Armed:
    fault: Fault
    aim: Aim
    left: int | None
    until: float | None


class Faults:
    """The faults that a server shows; may be used from any thread. `generation` changes with every
    `set`, `add` and `clear`: whoever hangs, hangs until then. `strikes` counts those so far."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._armed: tuple[_Armed, ...] = ()
        self._listener: Callable[[Fault], None] = lambda _: None
        self.generation = 0
        self.strikes = 0

    @property
    def active(self) -> Fault:
        """The first fault that is armed; `HEALTHY` when none is."""
        with self._lock:
            return next((a.fault for a in self._living()), HEALTHY)

    def shows(self, effect: Effect) -> bool:
        """Is a fault with this effect armed, whatever others are?"""
        with self._lock:
            return any(a.fault.effect is effect for a in self._living())

    def listen(self, listener: Callable[[Fault], None]) -> None:
        """Tell this one of every fault that is armed, and of HEALTHY when all are lifted."""
        self._listener = listener

    def set(self, name: str, aim: Aim = ANYWHERE) -> None:
        """Show this fault from now on, and no other.

        Raises:
            OurFault: there is no such fault.
        """
        self._arm(name, aim, keep=False)

    def add(self, name: str, aim: Aim = ANYWHERE) -> None:
        """Show this fault beside those that are armed. Raises OurFault: there is none."""
        self._arm(name, aim, keep=True)

    def clear(self) -> None:
        """Be healthy again."""
        with self._lock:
            self._armed = ()
            self.generation += 1
        self._listener(HEALTHY)

    def strike(
        self, *stages: Stage, method: str = "", path: str = "", message: str = ""
    ) -> Fault | None:
        """The fault that strikes here, if one does; it counts as one of its times."""
        with self._lock:
            for armed in self._living():
                hit = not armed.fault.stages.isdisjoint(stages)
                if hit and armed.aim.fits(method, path, message):
                    self._count(armed)
                    self.strikes += 1
                    return armed.fault
        return None

    async def outlast(self, stopping: Callable[[], bool]) -> None:
        """Hang until the faults are changed, or the server stops."""
        generation = self.generation
        while self.generation == generation and not stopping():
            await asyncio.sleep(_LOOK_SECONDS)

    def _arm(self, name: str, aim: Aim, *, keep: bool) -> None:
        if name not in FAULTS:
            raise OurFault(f"no fault {name!r}; there are {', '.join(sorted(FAULTS))}")
        fault = FAULTS[name] if aim.value is None else replace(FAULTS[name], value=aim.value)
        until = None if aim.seconds is None else self._clock() + aim.seconds
        with self._lock:
            before = self._armed if keep else ()
            self._armed = (*before, _Armed(fault, aim, aim.times, until))
            self.generation += 1
        self._listener(fault)

    def _living(self) -> tuple[_Armed, ...]:
        now = self._clock()
        self._armed = tuple(
            a for a in self._armed if a.left != 0 and (a.until is None or now < a.until)
        )
        return self._armed

    def _count(self, hit: _Armed) -> None:
        if hit.left is not None:
            spent = replace(hit, left=hit.left - 1)
            self._armed = tuple(spent if a is hit else a for a in self._armed)
