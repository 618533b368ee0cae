"""A: frames and messages of a relay, and NIP-11 documents."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Callable, Mapping

from tests.kit.outsiders import ISSUE, JsonEvent, Outsider

from .peer import NIP11, Wire
from .script import MB, NIP_KIND, Act, Answers, Scene, fixed, relay_of

_EXACT = 2**22 + 1


def _frames(*sent: tuple[bytes, int, bool] | bytes, again: bool = False) -> Act:
    """Frames (data, opcode, last), or raw bytes, once the door is open; `again`: for ever."""

    def say(wire: Wire) -> None:
        wire.open_socket()
        while True:
            for one in sent:
                if isinstance(one, bytes):
                    wire.send(one)
                else:
                    wire.frame(one[0], one[1], last=one[2])
            if not again:
                time.sleep(1)
                raise ConnectionError

    return Act(play=fixed(relay=say))


def _dripped(wire: Wire) -> None:
    wire.open_socket()
    wire.send(b"\x81\x7e" + struct.pack(">H", 60_000))
    wire.drip(b"x")


def _answering(*messages: str | Callable[[str], str], last: str = "EOSE") -> Act:
    """These texts in answer to each question, then EOSE."""

    def say(wire: Wire) -> None:
        wire.open_socket()
        while True:
            match wire.heard():
                case ["REQ", str(name), *_]:
                    for one in messages:
                        text = one if isinstance(one, str) else one(name)
                        wire.frame(text.encode("utf-8", "surrogatepass"))
                    if last:
                        wire.say(last, name)

    return Act(play=fixed(relay=say), named=last != "EOSE")


def _flooding(text: str) -> Act:
    def say(wire: Wire) -> None:
        wire.open_socket()
        while True:
            wire.frame(text.encode())

    return Act(play=fixed(relay=say))


def _odd(change: Callable[[JsonEvent, str], str | JsonEvent]) -> Act:
    """The owner's own state of the repository, spoilt, in answer to each question."""

    def play(scene: Scene) -> Answers:
        state = scene.owner.declare("widget", {"refs/heads/main": "b" * 40}, at=scene.now)

        def text(name: str) -> str:
            found = change(dict(state), name)
            return found if isinstance(found, str) else json.dumps(["EVENT", name, found])

        return _answering(text).play(scene)

    return Act(play=play, named=False)


def _closed(word: str) -> Act:
    return _answering(lambda name: json.dumps(["CLOSED", name, f"{word}: no \x1b[2J"]), last="")


def _with(**fields: object) -> Act:
    return _odd(lambda event, _: event | fields)


def _unasked(scene: Scene) -> Answers:
    event = Outsider("mallory").sign(ISSUE, [], at=scene.now)
    return _answering(lambda name: json.dumps(["EVENT", name, event])).play(scene)


def _literal(field: str, text: str) -> Act:
    """A field whose JSON text is put in as it is."""

    def change(event: JsonEvent, name: str) -> str:
        whole = json.dumps(["EVENT", name, event | {field: "@@"}])
        return whole.replace('"@@"', text)

    return _odd(change)


def _many(count: int, *, apart: int) -> Callable[[Scene], Answers]:
    def play(scene: Scene) -> Answers:
        who, tag = Outsider("mallory"), ("a", scene.owner.address("widget"))
        made = [who.sign(ISSUE, [tag], at=scene.now - 99 - n * apart, content=str(n))
                for n in range(count)]  # fmt: skip
        return {"relay": relay_of(made, loops=not apart)}

    return play


def _info(document: bytes) -> Act:
    return Act(play=fixed(nip11=lambda wire: wire.answer(document, NIP_KIND)), named=False)


def _stated(**fields: object) -> Act:
    return _info(json.dumps(NIP11 | fields).encode())


_CLOSED = {"A78": "auth-required", "A79": "rate-limited", "A80": "restricted", "A82": "blocked",
           "A83": "invalid", "A84": "unsupported"}  # fmt: skip
_DEFLATED = zlib.compress(bytes(MB))[2:]

ACTS: Mapping[str, Act] = {
    "A45 a frame one byte over the limit": _frames((b"x" * _EXACT, 1, True)),
    "A47 empty fragments without end": _frames((b"", 0, False), again=True),
    "A49 empty text frames": _frames((b"", 1, True), again=True),
    "A50 deflated frames, not negotiated": _frames(b"\xc1\x7e\x04\x00" + _DEFLATED[:1024]),
    "A52 binary frames": _frames((b'["NOTICE","x"]', 2, True)),
    "A53 invalid UTF-8": _frames((b'["NOTICE","\xff\xfe"]', 1, True)),
    "A54 cut in a frame": _frames(b'\x81\x30["NOTI'),
    "A55 close frame with escapes": _frames((b"\x03\xe8\x1b[2J\x1b]0;owned\x07", 8, True)),
    "A56 masked and reserved frames": _frames(b"\x81\x82aaaa\x00\x00", b"\x83\x01x"),
    "A57 a frame drips": Act(play=fixed(relay=_dripped), long=True),
    "A58 never an EOSE": _answering(last=""),
    "A59 EOSE for other subscriptions": _answering('["EOSE","other"]', last=""),
    "A60 wrong signature": _with(sig="0" * 128),
    "A61 id that does not match": _with(id="0" * 64),
    "A62 an event nobody asked for": Act(play=_unasked, named=False),
    "A63 a key twice": _odd(
        lambda e, n: json.dumps(["EVENT", n, e]).replace('"kind":', '"kind": 1, "kind":')
    ),
    "A64 nested 100,000 deep": _odd(lambda _, __: "[" * 100_000),
    "A65 created_at of 5,000 digits": _literal("created_at", "9" * 5_000),
    "A66 created_at NaN": _literal("created_at", "NaN"),
    "A67 lone surrogate": _literal("content", '"\\ud800"'),
    "A68 created_at negative": _with(created_at=-5),
    "A69 created_at a float": _with(created_at=1.5),
    "A70 created_at 2^63": _with(created_at=2**63),
    "A71 created_at 2^53-1": _with(created_at=2**53 - 1),
    "A73 kind out of range": _with(kind=70_000),
    "A74 100,000 tags": _with(tags=[["t", "x"]] * 100_000),
    "A75 content of 10 MB": _with(content="x" * 10 * MB),
    "A77 AUTH flood": _flooding('["AUTH","challenge"]'),
    **{f"{n} CLOSED {word}": _closed(word) for n, word in _CLOSED.items()},
    "A86 `until` is ignored": Act(play=_many(600, apart=0), named=False),
    "B43 NIP-11 of 2 MB": _stated(name="x" * 2 * MB),
    "B44 NIP-11 with wrong types": _stated(
        name=[], software={}, supported_grasps="x", limitation=3
    ),
    "B45 NIP-11 with negative and huge limits": _stated(
        limitation={"max_limit": -1, "max_message_length": 10**400, "max_subscriptions": 0}
    ),
    "B46 NIP-11: max_limit 1": _stated(limitation={"max_limit": 1}),
    "B47 NIP-11: software with escapes and Markdown": _stated(software="\x1b[2J|`<b>[x](y)"),
    "B48 NIP-11: deep": _info(b"[" * 60_000),
    "B48b NIP-11: NaN": _info(b'{"name": NaN, "limitation": {"max_limit": Infinity}}'),
    "B68 12,000 issues of a stranger": Act(play=_many(12_000, apart=1), named=False, long=True),
}
