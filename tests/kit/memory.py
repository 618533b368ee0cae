"""A fleet in memory behind `World`: servers hold values, and every question is written down.

It answers by the rules of NIP-01 and of a conditional push, and judges nothing. A test may set
`trouble`, which is asked before each question and may raise, and so makes the world fail, or ask
to stop, at any place. One thread at a time (`forks=1`) makes the order of questions certain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.observed import (
    Absent,
    Ancestry,
    BadSource,
    Cause,
    Listing,
    Memory,
    Seen,
    Unknown,
)
from reconciler.nostr import bip340
from reconciler.nostr.addresses import address_of
from reconciler.nostr.event import Draft, Event, newest_first, seal
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Ok
from reconciler.nostr.nip11 import RelayInfo
from reconciler.nostr.nip34 import Coordinate
from reconciler.world import Failure, NotGathered, NotNow, Pushed, Stale
from tests.kit.people import EPOCH, Person
from tests.kit.values import NOW, ZERO


@dataclass(frozen=True, slots=True)
class Asked:
    """One question or order: the method of `World`, the server ("" for this machine), and what."""

    verb: str
    server: str = ""
    what: object = None


@dataclass(kw_only=True)
class Held:
    """What one server holds. `refs` are those of its repositories; `shy` are ids that it serves
    when asked by id alone; `refuses` pairs kinds that it does not take with its words, and `budget`
    is the events that are paid for. What a `slow` server takes it shows after the next `settle`,
    and never where it is `lost`; `taken` is all that it ever stored."""

    events: list[Event] = field(default_factory=list)
    refs: dict[Coordinate, dict[str, str]] = field(default_factory=dict)
    shy: frozenset[str] = frozenset()
    refuses: dict[int, str] = field(default_factory=dict)
    budget: int = 1000
    slow: bool = False
    lost: bool = False
    software: str = ""
    later: list[Event] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Store an event; of one address the newest stays (NIP-01)."""
        self.events.append(event)
        self.taken.append(event)
        address = address_of(event)
        if address is not None:
            same = [e for e in self.events if address_of(e) == address]
            newest = min(same, key=newest_first)
            self.events = [e for e in self.events if e not in same or e is newest]


@dataclass(kw_only=True)
class MemoryWorld:
    """The whole world of a run. `asked` is the log of all questions, in order."""

    servers: dict[str, Held]
    archive: set[str] = field(default_factory=set)
    memory: Memory = field(default_factory=Memory)
    marks: tuple[Seen, ...] = ()
    signed: tuple[Event, ...] = ()
    time: int = EPOCH + NOW
    spent: float = 0.0
    rest: float = 3600.0
    trouble: Callable[[Asked], None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)

    def ask(self, verb: str, server: str = "", what: object = None) -> None:
        """Write a question down, and let the test have its trouble."""
        found = Asked(verb, server, what)
        self.asked.append(found)
        self.trouble(found)

    def verbs(self, *verbs: str) -> list[Asked]:
        """What was asked of these kinds."""
        return [found for found in self.asked if found.verb in verbs]

    # --- World ---------------------------------------------------------------------------------

    def now(self) -> int:
        return self.time + int(self.spent)

    def seconds(self) -> float:
        return self.spent

    def left(self) -> float:
        return self.rest

    def obey(self, server: str, most: int, seconds: float, *, lasting: bool) -> None:
        self.ask("obey", server, (most, seconds, lasting))

    def afford(self, server: str, events: int, *, least: int = 1) -> int:
        self.ask("afford", server, events)
        budget = self.servers[server].budget
        if budget < least:
            raise NotNow("no budget is left", self.now() + 60)
        self.servers[server].budget = max(0, budget - events)
        return min(budget, events)

    def limited(self, server: str) -> int:
        self.servers[server].budget = 0
        return self.now() + 60

    def skew(self, server: str) -> float | None:
        return 0.0 if server in self.servers else None

    def info(self, server: str) -> RelayInfo:
        self.ask("info", server)
        return RelayInfo(software=self.servers[server].software, grasps=("GRASP-01",))

    def relay(self, server: str) -> MemoryRelay:
        self.ask("relay", server)
        if server not in self.servers:
            raise Failure(Unknown(Cause.RESOLVE, server))
        return MemoryRelay(self, server)

    def refs(self, server: str, coordinate: Coordinate) -> Listing | Absent:
        self.ask("refs", server, coordinate)
        found = self.servers[server].refs.get(coordinate)
        return Absent() if found is None else Listing(tuple(sorted(found.items())))

    def archived(self, coordinate: Coordinate, oids: frozenset[str]) -> frozenset[str]:
        self.ask("archived", what=coordinate)
        return oids & self.archive

    def gather(
        self, coordinate: Coordinate, oids: frozenset[str], sources: tuple[str, ...]
    ) -> tuple[BadSource, ...]:
        bad = []
        for source in sources:
            try:
                self.ask("gather", source, oids)
            except Failure as failure:
                bad.append(BadSource(source, failure.unknown))
                continue
            self.archive |= oids & set(self.servers[source].refs.get(coordinate, {}).values())
        if missing := oids - self.archive:
            raise NotGathered(len(missing), tuple(bad))
        return tuple(bad)

    def keep(self, coordinate: Coordinate, oid: str, sources: tuple[str, ...]) -> None:
        if oid not in self.archive:
            self.gather(coordinate, frozenset({oid}), sources)

    def ancestry(
        self, coordinate: Coordinate, pairs: tuple[tuple[str, str], ...]
    ) -> tuple[Ancestry, ...]:
        """Larger object ids come later, by the digit that they repeat (`values.oid`)."""
        self.ask("ancestry", what=coordinate)
        return tuple(
            Ancestry(old, new, forward=old < new if {old, new} <= self.archive else None)
            for old, new in pairs
        )

    def root(self, coordinate: Coordinate, oid: str) -> str | None:
        self.ask("root", what=coordinate)
        return oid if oid in self.archive else None

    def requested(self) -> tuple[Draft, ...]:
        return ()

    def unserved(self) -> tuple[Event, ...]:
        return self.signed

    def store(self, events: Sequence[Event]) -> None:
        self.ask("store")
        self.signed = tuple(events)

    def try_clone(self, server: str, coordinate: Coordinate, oids: frozenset[str]) -> None:
        self.ask("try_clone", server, (coordinate, oids))

    def push(self, server: str, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Pushed:
        self.ask("push", server, updates)
        if {update.new for update in updates} - self.archive - {ZERO}:
            raise Failure(Unknown(Cause.LOCAL, "the archive lacks what is to be pushed"))
        refs = self.servers[server].refs.setdefault(coordinate, {})
        left = [u for u in updates if refs.get(u.name, ZERO) != u.new]
        for update in left:
            if refs.get(update.name, ZERO) != update.old:
                raise Stale(f"{update.name} has moved")
        for update in left:
            refs.pop(update.name, None)
            if not update.deletes:
                refs[update.name] = update.new
        return Pushed(sent=bool(left))

    def recall(self) -> Memory:
        return self.memory

    def remember(self, memory: Memory) -> None:
        self.ask("remember")
        self.memory = memory

    def seen(self) -> tuple[Seen, ...]:
        return self.marks

    def note(self, marks: Sequence[Seen]) -> None:
        self.ask("note")
        self.marks = tuple(marks)

    def settle(self, seconds: float) -> None:
        self.ask("settle", what=seconds)
        self.spent += seconds
        for server in self.servers.values():
            while server.later and not server.lost:
                server.take(server.later.pop(0))


@dataclass(frozen=True)
class MemoryRelay:
    """One conversation of a run."""

    world: MemoryWorld
    server: str

    def query(self, filters: Sequence[Filter]) -> tuple[Event, ...]:
        self.world.ask("query", self.server, tuple(filters))
        held = self.world.servers[self.server]
        return tuple(
            event
            for event in held.events
            if any(f.matches(event) for f in filters if f.ids or event.id not in held.shy)
        )

    def publish(self, events: Sequence[Event]) -> tuple[Ok | Unknown, ...]:
        try:
            self.world.ask("publish", self.server, tuple(events))
        except Failure as failure:
            return (failure.unknown,) * len(events)
        return tuple(map(self._take, events))

    def left_out(self) -> tuple[tuple[str, int], ...]:
        return ()

    def _take(self, event: Event) -> Ok:
        held = self.world.servers[self.server]
        if event.kind in held.refuses:
            return Ok(event.id, accepted=False, message=held.refuses[event.kind])
        if held.slow:
            held.later.append(event)
        else:
            held.take(event)
        return Ok(event.id, accepted=True, message="")


@dataclass(frozen=True)
class Keys:
    """Signs for people, each under the own name."""

    people: Mapping[str, Person]

    @classmethod
    def of(cls, *people: Person) -> Keys:
        return cls({person.name: person for person in people})

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.people)

    def public_key(self, name: str) -> str | None:
        return self.people[name].pubkey if name in self.people else None

    def sign(self, name: str, draft: Draft) -> Event:
        return seal(draft, bip340.sign(self.people[name].secret, bytes.fromhex(draft.id)))


@dataclass
class Listener:
    """Hears how a run goes on. It asks to stop once `stop` is set."""

    stop: bool = False
    stages: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int) -> None:
        self.stages.append(f"{name} {total}")

    def step(self, text: str) -> None:
        self.steps.append(text)

    def stopped(self) -> bool:
        return self.stop


def failing(
    *where: Callable[[Asked], bool], cause: Cause = Cause.TIMEOUT
) -> Callable[[Asked], None]:
    """Trouble: whatever one of these says is not answered."""

    def raises(asked: Asked) -> None:
        if any(here(asked) for here in where):
            raise Failure(Unknown(cause, "as the test wanted"))

    return raises
