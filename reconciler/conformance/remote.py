"""Anybody's server on trial: only the wire, real time, and the server's own pace."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Final

import websocket

from reconciler.conformance.clock import Clock, RealClock
from reconciler.conformance.needs import CLOCK
from reconciler.conformance.people import Person
from reconciler.conformance.relay import Relay
from reconciler.conformance.stage import MAIN, NUMBERS, NeedsInside, Stage
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event, Tag

RUN: Final = secrets.token_hex(16)
"""Makes this process's people and identifiers its own."""
LONGEST_WAIT: Final = 65.0
"""Seconds of real time that a row may wait for; longer ones need a clock that can be moved."""
_POLL, _SETTLES, _HOOKS = 0.2, 3.0, 0.3
_AT_ONCE: Final = 50
_PAUSES: Final = (2.0, 5.0, 10.0, 20.0)


class OutOfTime(Exception):
    """The row's time is over; the text says what it was spent on."""


@dataclass(frozen=True)
class Target:
    """A server's two URLs."""

    url: str

    @property
    def relay_url(self) -> str:
        """ws(s)."""
        return urls.relay(self.url)


@dataclass
class Remote(Stage):
    """A server that is not ours, for the length of one row."""

    clock: Clock = field(default_factory=RealClock)
    end: float = 0.0
    """When the row's time is over, on the monotonic clock."""
    fresh_address: bool = False
    """Name another client address on each connection (X-Forwarded-For)."""
    people: list[Person] = field(default_factory=list)

    def begin(self) -> None:
        """An identifier that nobody else has."""
        self.name = f"widget-{RUN[:8]}-{next(NUMBERS)}"

    def person(self) -> Person:
        """Somebody with a key that nobody can guess."""
        self.people.append(Person(f"{RUN} {next(NUMBERS)}"))
        return self.people[-1]

    def connect(self) -> Relay:
        """A connection of its own."""
        number = next(NUMBERS)
        address = f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        header = [f"X-Forwarded-For: {address}"] if self.fresh_address else []
        return Relay(self.server.relay_url, header)

    def later(self, seconds: float) -> None:
        """Wait."""
        if seconds > LONGEST_WAIT:
            raise NeedsInside(CLOCK)
        self._spend(seconds, "waiting as the row says")

    def publish(self, *events: Event) -> list[tuple[bool, str]]:
        """The OKs, at the server's pace: what is rate-limited is sent again after a pause."""
        answers = [self._publish(event) for event in events]
        if any(event.kind == kinds.STATE for event in events):
            time.sleep(_HOOKS)  # ngit-relay drops refs and sets HEAD a moment after its OK
        return answers

    def _publish(self, event: Event) -> tuple[bool, str]:
        for pause in (*_PAUSES, *[_PAUSES[-1]] * 999):
            accepted, words = self._send(event)
            if accepted or not words.startswith("rate-limited"):
                return accepted, words
            if self.fresh_address:
                super().stop()
            else:
                self._spend(pause, f"the server's budget: {words}")
        raise OutOfTime("the server's budget")

    def _send(self, event: Event) -> tuple[bool, str]:
        """Once more on a fresh connection when the old one is dead."""
        try:
            return self.relay.publish(event)
        except (OSError, ValueError, websocket.WebSocketException):
            super().stop()
            return self.relay.publish(event)

    def _spend(self, seconds: float, on: str) -> None:
        if time.monotonic() + seconds > self.end:
            raise OutOfTime(on)
        time.sleep(seconds)

    def made(self, owner: Person, name: str) -> None:
        """Until git answers, at most a second and a half; identifiers may be beyond it."""
        self._poll(lambda: self.status(owner, name) == 200, _SETTLES / 2)
        time.sleep(_HOOKS)  # ngit-relay allows pushes a moment after it answers

    def settled(self, owner: Person, name: str, state: Event) -> None:
        """Until the pushed refs are listed and the state is served."""
        wanted = {t[0]: t[1] for t in state.tags if t[0].startswith("refs/")}

        def there() -> bool:
            have = self.refs(owner, name)
            return self.serves(state) and all(have.get(n) == o for n, o in wanted.items())

        self._poll(there, 31.0 if self.family == "gitea" else _SETTLES)

    def _poll(self, fact: object, seconds: float) -> None:
        assert callable(fact)
        end = min(time.monotonic() + seconds, self.end)
        while not fact() and time.monotonic() < end:
            time.sleep(_POLL)

    def trial(self) -> None:
        """Host one repository; raises when that does not work."""
        self.begin()
        owner = self.person()
        self.host(owner)
        assert self.refs(owner).get(MAIN) == self.trunk.commits[0], "pushed refs are not listed"

    def tidy(self) -> tuple[int, int]:
        """Ask for the deletion (kind 5) of all that was made: how many events were made, and how
        many are served all the same."""
        named = kept = 0
        for person in self.people:
            made = [event for event in person.made if event.kind != kinds.DELETION]
            for some in _batched(made, _AT_ONCE):
                self._publish(person.sign(kinds.DELETION, *_names(some), at=int(time.time())))
                kept += len(self.ask(ids=[event.id for event in some]))
            named += len(made)
        return named, kept


def _batched(made: list[Event], size: int) -> list[list[Event]]:
    """Slices of a list."""
    return [made[n : n + size] for n in range(0, len(made), size)]


def _names(made: list[Event]) -> list[Tag]:
    """`e` tags of all, `a` tags of what is addressable."""
    tags: list[Tag] = [("e", event.id) for event in made]
    places = dict.fromkeys(
        f"{e.kind}:{e.pubkey}:{next((t[1] for t in e.tags if t[0] == 'd' and len(t) > 1), '')}"
        for e in made
        if kinds.is_addressable(e.kind)
    )
    return [*tags, *(("a", place) for place in places)]
