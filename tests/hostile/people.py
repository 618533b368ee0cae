"""B: events that are validly signed, and mean harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.nostr.nip34 import Coordinate
from tests.kit.outsiders import ANNOUNCEMENT, DELETION, ISSUE, STATE, JsonEvent, Outsider
from tests.kit.program import newest

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


def _invited(scene: Scene) -> list[JsonEvent]:
    people = tuple(f"{n:064x}" for n in range(1, 30_001))
    tags = [("d", "gadget"), ("maintainers", *people[:150])]
    tags += [("maintainers", *people[n : n + 150]) for n in range(150, len(people), 150)]
    return [scene.owner.sign(ANNOUNCEMENT, tags, at=scene.now - 50)]


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
    for n in range(600):
        made.append(_MALLORY.sign(ISSUE if not n else 1111, [last], at=scene.now - 900 + n))
        last = ("e", made[-1]["id"])
    return made


def _large(scene: Scene) -> list[JsonEvent]:
    tag = ("a", scene.owner.address("widget"))
    text = "x" * 1_900_000 + "\U0001f4a5"
    return [_MALLORY.sign(ISSUE, [tag], at=scene.now - n, content=text) for n in range(60)]


def _hidden(scene: Scene) -> Answers:
    """Holds the owner's newest announcement, perhaps; says CLOSED to every question."""

    def closed(wire: Wire) -> None:
        wire.open_socket()
        while True:
            match wire.heard():
                case ["REQ", str(name), *_]:
                    wire.say("CLOSED", name, "error: not today")

    # one server more than the announcement lists, so that a signature would be wanted
    scene.case.start("three", family="spec")
    scene.notes["announced"] = _newest(scene)
    return {"relay": closed}


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
    "B53 30,000 maintainers": _serves(_invited),
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
    "B69 a thread of 600 replies": _serves(_thread, long=True),
    "B70 1,000 announcements of the owner": _serves(
        lambda s: [_other_d(s, f"r{n}") for n in range(1_000)], long=True
    ),
    "B72 the newest announcement is behind CLOSED": Act(
        play=_hidden, signer=True, judge=_unsigned
    ),
}  # fmt: skip
