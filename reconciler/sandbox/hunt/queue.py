"""Which repositories to hunt for, and when: by identifier, debounced, with back-off and expiry.

    add ─▶ waits ─due─▶ begin ─▶ runs ─end─▶ done: forgotten │ not done: waits, longer each time

A new event starts afresh: no failures, due as soon as its own delay says, 30 minutes more.
Pure: the time is an argument, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from reconciler.pacing.backoff import HUNT, Backoff
from reconciler.sandbox.limits import HUNT_EXPIRY_SECONDS, HUNTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One identifier. `renewed`: a new event came while its hunt was running. `given_up`: sources
    that no later round asks; a new event asks them again."""

    due: float
    expires: float
    failures: int = 0
    running: bool = False
    renewed: bool = False
    given_up: frozenset[str] = frozenset()


class Queue:
    """All identifiers that wait for git data."""

    def __init__(self, backoff: Backoff = HUNT, most: int = HUNTS) -> None:
        self._backoff = backoff
        self._most = most
        self._entries: dict[str, Entry] = {}
        self._soonest = inf  # nothing is due before; lets `due` be asked many times a second

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._entries

    @property
    def running(self) -> int:
        """How many hunts run at this moment."""
        return sum(entry.running for entry in self._entries.values())

    def entry(self, identifier: str) -> Entry | None:
        """What is known of an identifier."""
        return self._entries.get(identifier)

    def add(self, identifier: str, now: float, delay: float) -> None:
        """An event waits for git data. Several at a time make one hunt; the soonest counts."""
        due, expires = now + delay, now + HUNT_EXPIRY_SECONDS
        old = self._entries.get(identifier)
        if old is None:
            self._make_room()
            new = Entry(due=due, expires=expires)
        elif old.running:
            new = replace(
                old,
                due=min(due, old.due) if old.renewed else due,
                expires=expires,
                failures=0,
                renewed=True,
                given_up=frozenset(),
            )
        else:
            new = Entry(due=min(due, old.due), expires=expires)
        self._put(identifier, new)

    def due(self, now: float) -> tuple[str, ...]:
        """The identifiers whose hunt should begin now; expired ones are forgotten."""
        if now < self._soonest:
            return ()
        for identifier, entry in tuple(self._entries.items()):
            if entry.expires <= now and not entry.running:
                del self._entries[identifier]
        idle = {k: e for k, e in self._entries.items() if not e.running}
        self._soonest = min((min(e.due, e.expires) for e in idle.values()), default=inf)
        return tuple(k for k, e in idle.items() if e.due <= now)

    def begin(self, identifier: str) -> Entry:
        """Its hunt runs from now on."""
        entry = replace(self._entries[identifier], running=True, renewed=False)
        self._entries[identifier] = entry
        return entry

    def end(
        self,
        identifier: str,
        now: float,
        *,
        done: bool,
        given_up: frozenset[str] = frozenset(),
    ) -> None:
        """Its hunt has ended. `done`: nothing waits for git data any more. `given_up`: sources
        that can never answer."""
        entry = self._entries[identifier]
        if entry.renewed:
            self._put(identifier, replace(entry, running=False))
        elif done or entry.expires <= now:
            del self._entries[identifier]
        else:
            failures = entry.failures + 1
            due = now + self._backoff.delay(failures)
            kept = entry.given_up | given_up
            waiting = replace(entry, due=due, failures=failures, running=False, given_up=kept)
            self._put(identifier, waiting)

    def _put(self, identifier: str, entry: Entry) -> None:
        self._entries[identifier] = entry
        if not entry.running:
            self._soonest = min(self._soonest, entry.due, entry.expires)

    def _make_room(self) -> None:
        """The one that would expire first goes; its event has waited longest."""
        if len(self._entries) < self._most:
            return
        idle = [k for k, e in self._entries.items() if not e.running]
        if idle:
            del self._entries[min(idle, key=lambda k: self._entries[k].expires)]
