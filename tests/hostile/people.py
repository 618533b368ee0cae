"""B: events that are validly signed, and mean harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import new
from tests.kit.outsiders import ANNOUNCEMENT, DELETION, ISSUE, STATE, JsonEvent, Outsider
from tests.kit.program import DAY, newest

from .peer import Wire
from .script import Act, Answers, Scene, listing, relay_of

_MAIN = "refs/heads/main"
_MALLORY = Outsider("mallory")


def _serves(
    made: Callable[[Scene], list[JsonEvent]],
    *,
    long: bool = False,
    codes: frozenset[int] = frozenset(),
) -> Act:
    def play(scene: Scene) -> Answers:
        return {"relay": relay_of(made(scene), cap=20_000), "refs": listing({_MAIN: "b" * 40})}

    return Act(play=play, named=False, long=long, codes=codes)


def _other_d(scene: Scene, identifier: str) -> JsonEvent:
    return scene.owner.announce(identifier, scene.hosts, at=scene.now - 50)


def _announced(*tags: tuple[str, ...]) -> Callable[[Scene], list[JsonEvent]]:
    """Another repository of the owner's, whose announcement has these tags."""
    return lambda scene: [
        scene.owner.sign(ANNOUNCEMENT, [("d", "gadget"), *tags], at=scene.now - 50)
    ]


def _invites(who: Outsider, *known: Outsider, first: int, at: int) -> JsonEvent:
    """An announcement that invites as many strangers as an event holds."""
    people = (*(one.pubkey for one in known), *(f"{n:064x}" for n in range(first, first + 29_000)))
    rows = [people[n : n + 150] for n in range(0, len(people), 150)]
    return who.sign(ANNOUNCEMENT, [("d", "gadget"), *(("maintainers", *r) for r in rows)], at=at)


def _invited(scene: Scene) -> Answers:
    """The owner invites half of them, and a maintainer whom the owner confirms the other half."""
    bob, at = Outsider("bob"), scene.now - 50
    made = [
        _invites(scene.owner, bob, first=1, at=at),
        _invites(bob, scene.owner, first=40_000, at=at),
    ]

    def noted(wire: Wire) -> None:
        relay_of(made, cap=20_000, hear=lambda size: _note(scene, "largest", size))(wire)

    return {"relay": noted}


def _note(scene: Scene, name: str, size: int) -> None:
    scene.notes[name] = str(max(size, int(scene.notes.get(name, "0"))))


def _small_questions(scene: Scene) -> str:
    """Relays commonly cut at 64 kB."""
    size = int(scene.notes.get("largest", "0"))
    return "" if 0 < size < 60_000 else f"a question of {size} bytes"


def _chain(scene: Scene) -> list[JsonEvent]:
    """Thirty maintainers, each confirmed by the next; a state of the last one."""
    chain = [scene.owner, *(Outsider(f"m{n}") for n in range(30))]
    made = [
        who.announce("gadget", scene.hosts, *chain[max(0, n - 1) : n], *chain[n + 1 : n + 2],
                     at=scene.now - 500)
        for n, who in enumerate(chain)
    ]  # fmt: skip
    return [*made, chain[-1].declare("gadget", {_MAIN: "b" * 40}, at=scene.now - 10)]


def _deletions(scene: Scene) -> list[JsonEvent]:
    target = ("a", scene.owner.address("widget"))
    more = [("a", f"{STATE}:{scene.owner.pubkey}:widget"), ("expiration", "1"), ("-",)]
    return [_MALLORY.sign(DELETION, [target, *more], at=scene.now)]


def _names(scene: Scene) -> list[JsonEvent]:
    odd = ("..", "/", "\x00", "\x1b[2J", "\u202e", "x" * 10_000, "%2e%2e", "-x", "a\nb", "", " ")
    return [_other_d(scene, name) for name in odd]


def _thread(scene: Scene) -> list[JsonEvent]:
    """Each reply names only the one before."""
    last: tuple[str, ...] = ("a", scene.owner.address("widget"))
    made: list[JsonEvent] = []
    for n in range(3_000):
        made.append(_MALLORY.sign(ISSUE if not n else 1111, [last], at=scene.now - 4_000 + n))
        last = ("e", made[-1]["id"])
    return made


def _issues(scene: Scene, count: int) -> list[JsonEvent]:
    tag = ("a", scene.owner.address("widget"))
    return [_MALLORY.sign(ISSUE, [tag], at=scene.now - n, content=str(n)) for n in range(count)]


def _large(scene: Scene) -> list[JsonEvent]:
    tag = ("a", scene.owner.address("widget"))
    text = "x" * 1_900_000 + "\U0001f4a5"
    return [_MALLORY.sign(ISSUE, [tag], at=scene.now - n, content=text) for n in range(60)]


def _closed(wire: Wire) -> None:
    wire.open_socket()
    while True:
        match wire.heard():
            case ["REQ", str(name), *_]:
                wire.say("CLOSED", name, "error: not today")


def _hidden(scene: Scene) -> Answers:
    """Holds the owner's newest announcement, perhaps; says CLOSED to every question."""
    return {**_wanted(scene), "relay": _closed}


def _wanted(scene: Scene) -> Answers:
    """One server more than the announcement lists, so that a signature would be wanted."""
    scene.case.start("three", family="spec")
    scene.notes["announced"] = _newest(scene)
    return {}


def _unheard_maintainer(scene: Scene) -> Answers:
    """The healthy servers follow a maintainer's newer state, and have lost the announcement by
    which the maintainer confirms; it may stand behind CLOSED."""
    case, bob = scene.case, new("bob")
    source = case.sources["widget"]
    places = [server.url for server in case.servers.values()] + [scene.peer.url]
    plain = authors.announce(case.owner, "widget", places, at=case.now - 6 * DAY, root="0" * 40)
    case.host("widget", plain, ["two"], at=case.now - 8 * DAY)
    history.extend(source, 7)
    history.extend(source, 8, "work")
    refs = history.refs(source)
    tags = (*plain.tags, ("maintainers", bob.pubkey))
    both = case.owner.sign(ANNOUNCEMENT, tags, at=case.now - 5 * DAY)
    state = authors.declare(bob, "widget", refs, at=case.now - 2 * DAY)
    for server in case.servers.values():
        server.seed(both)
        server.seed(state)
        place = server.repo_path(case.owner.pubkey, "widget")
        history.git(source, "push", "--quiet", str(place), "refs/heads/*:refs/heads/*")
    scene.notes.update(case.refs("one", "widget"))
    scene.notes["pushes"] = str(_pushes(scene))
    return {"relay": _closed}


def _pushes(scene: Scene) -> int:
    servers = scene.case.servers.values()
    return sum(int(server.counters.snapshot()["pushes_received"]) for server in servers)


def _nothing_moved_back(scene: Scene) -> str:
    before = {name: oid for name, oid in scene.notes.items() if name.startswith("refs/")}
    if "refs/heads/work" not in before:
        return "the scene is wrong: the maintainer's branch was never there"
    if any(scene.case.refs(name, "widget") != before for name in ("one", "two")):
        return "refs of the healthy servers moved"
    sent = _pushes(scene) - int(scene.notes["pushes"])
    return f"{sent} pushes were sent" if sent else ""


def _ahead(seconds: int) -> str:
    """The program, on a machine whose clock is so far ahead."""
    text = (
        f"import runpy, sys, time; real = time.time; time.time = lambda: real() + {seconds}; "
        "sys.argv = [sys.argv[0], *sys.argv[1:]]; "
        "runpy.run_module('reconciler', run_name='__main__')"
    )
    return f'python=$1; shift 3; exec "$python" -c "{text}" "$@"'


def _newest(scene: Scene) -> str:
    url = scene.case.servers["one"].url
    return newest([url], ANNOUNCEMENT, Coordinate(scene.owner.pubkey, "widget"))[url]


def _unsigned(scene: Scene) -> str:
    """The announcement of nine days ago is still the newest."""
    same = _newest(scene) == scene.notes["announced"]
    return "" if same else "signed from an incomplete listing"


ACTS: Mapping[str, Act] = {
    "B49 a stranger's state is newer": _serves(
        lambda s: [_MALLORY.declare("widget", {_MAIN: "b" * 40}, at=s.now)]
    ),
    "B50 a stranger announces it, with the owner as maintainer": _serves(
        lambda s: [_MALLORY.announce("widget", s.hosts, s.owner, at=s.now)]
    ),
    "B51 a chain of 30 maintainers, a state at its end": _serves(_chain),
    "B53 58,000 maintainers": Act(play=_invited, named=False, judge=_small_questions),
    "B54 odd clone URLs": _serves(_announced(
        ("clone", "file:///etc", "ext::sh -c id", "ssh://-oProxyCommand=id/x", "http://u:p@127.0.0.1:1/"),
        ("relays", "ws://127.0.0.1:1", "gopher://x", "ws://0x7f000001:1", "ws://[::1]:1"),
    )),
    "B55 10,000 clone URLs": _serves(
        _announced(("clone", *(f"http://127.0.0.1:1/{n}.git" for n in range(10_000))))
    ),
    "B57 a state in 2100": _serves(
        lambda s: [s.owner.declare("widget", {_MAIN: "b" * 40}, at=4_102_444_800)]
    ),
    "B59 an old state": _serves(
        lambda s: [s.owner.declare("widget", {_MAIN: "b" * 40}, at=1_600_000_000)]
    ),
    "B60 deletions by strangers": _serves(_deletions),
    "B61 60 issues of 1.9 MB": _serves(_large, long=True),
    "B63 identifiers of all kinds": _serves(_names),
    "B67 600 issues of a stranger, at the pace that nobody set": Act(
        play=lambda s: {"relay": relay_of(_issues(s, 600), cap=20_000)},
        named=False, paced=True, long=True, args=("--max-duration", "45s"), says="deferred",
    ),
    "B69 a thread of 3,000 replies": _serves(_thread, long=True),
    "B70 6,000 announcements of the owner": _serves(
        lambda s: [_other_d(s, f"r{n}") for n in range(6_000)], long=True
    ),
    "B72 the newest announcement is behind CLOSED": Act(
        play=_hidden, signer=True, judge=_unsigned
    ),
    "B73 a maintainer's announcement is behind CLOSED": Act(
        play=_unheard_maintainer, judge=_nothing_moved_back
    ),
    "C91 the clock is 10 years ahead": Act(
        play=_wanted, signer=True, judge=_unsigned, named=False, wrap=_ahead(315_360_000),
        says="clock",
    ),
    "C92 the clock is 10 years behind": Act(
        play=_wanted, signer=True, judge=_unsigned, named=False, wrap=_ahead(-315_360_000),
        says="future", alike=False,  # what the owner signed is in the future there
    ),
}  # fmt: skip
