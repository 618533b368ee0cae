"""B: listings, packs and pushes."""

from __future__ import annotations

import hashlib
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.kit.outsiders import JsonEvent

from .peer import Answer, Wire
from .script import (
    MB,
    OID,
    Act,
    Answers,
    Scene,
    advertised,
    band,
    dripping,
    endless,
    fixed,
    listing,
    ok,
    pkt,
    relay_of,
    result,
    take_body,
)

_MAIN = "refs/heads/main"
_CAPS = b"\0report-status side-band-64k delete-refs ofs-delta\n"
_LINE = OID.encode() + b" refs/heads/main"
_POST = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-%s-result\r\n"
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
_WHO = "A <a@example.org> 1700000000 +0000"


_HEADS = " " + " ".join(f"symref=HEAD:refs/heads/{n}" for n in range(5))


# --- listings ---


def _lists(body: bytes, *, named: bool = True) -> Act:
    return Act(play=fixed(refs=advertised(body)), reaches="info/refs", named=named)


def _claims(refs: Mapping[str, str], more: str = "") -> Act:
    return Act(play=fixed(refs=listing(refs, more=more)), reaches="info/refs")


_MANY = b"".join(pkt(f"{OID} refs/heads/b{n}\n") for n in range(200_000))

LISTINGS: Mapping[str, Act] = {
    "B1 200,000 refs": _lists(pkt(_LINE + _CAPS) + _MANY + b"0000"),
    "B2 16 MB of empty pkt-lines": _lists(b"0004" * (4 * MB)),
    "B5 ref name that is not UTF-8": _lists(
        pkt(OID.encode() + b" refs/heads/\xff" + _CAPS) + b"0000"
    ),
    "B6 wrong and upper-case oids": _lists(
        pkt(b"A" * 40 + b" " + _MAIN.encode() + _CAPS) + b"0000"
    ),
    "B7 sha256 object format": _lists(
        pkt(b"a" * 64 + b" " + _MAIN.encode() + b"\0object-format=sha256\n") + b"0000"
    ),
    "B8 pkt-line cut": _lists(b"00ff" + _LINE),
    "B9 no final flush": _lists(pkt(_LINE + _CAPS)),
    "B10 ERR with escapes": _lists(pkt("ERR \x1b[2J\x1b]0;owned\x07 no\n")),
    "B11 five symref=HEAD": _claims({_MAIN: OID}, _HEADS),
    "B11b capabilities that run into each other": _claims({_MAIN: OID}, "symref=HEAD:refs/heads/x"),
    "B12 one ref twice, two oids": _lists(
        pkt(_LINE + _CAPS) + pkt(b"b" * 40 + b" " + _MAIN.encode() + b"\n") + b"0000"
    ),
    "B13 claims a commit it does not have": _claims({_MAIN: OID}),
}  # fmt: skip


# --- fetches: the hostile peer is the only one to have `gadget` ---


def _fetch(
    attack: Callable[[Path], tuple[str, Answer]], *, says: str = "", long: bool = False
) -> Act:
    def play(scene: Scene) -> Answers:
        tip, upload = attack(scene.folder)
        at = scene.now - 3_600
        announced = scene.owner.announce("gadget", scene.hosts, at=at)
        state = scene.owner.declare("gadget", {_MAIN: tip}, at=at + 1)
        known, nothing = listing({_MAIN: tip}), listing({})

        def refs(wire: Wire) -> None:
            (known if "gadget" in wire.request.path else nothing)(wire)

        def push(wire: Wire) -> None:
            if "upload-pack" in wire.request.path:
                upload(wire)
            wire.answer(b"no", status="403 Forbidden")

        return {"relay": relay_of([announced, state]), "refs": refs, "push": push}

    return Act(play=play, reaches="git-upload-pack", says=says, long=long)


def _says(answer: Answer, tip: str = OID) -> Callable[[Path], tuple[str, Answer]]:
    return lambda _: (tip, answer)


def _packed(data: bytes) -> Answer:
    return result(pkt("NAK\n") + band(1, data) + b"0000")


def _pack(*objects: tuple[int, int, bytes]) -> bytes:
    """Objects as (type, size that is claimed, data), whatever they are worth."""
    made = b"PACK" + struct.pack(">II", 2, len(objects))
    for kind, size, data in objects:
        byte, left = kind << 4 | size & 15, size >> 4
        while left:
            made += bytes([byte | 0x80])
            byte, left = left & 0x7F, left >> 7
        made += bytes([byte]) + data
    return made + hashlib.sha1(made, usedforsecurity=False).digest()


def _blob(text: bytes) -> tuple[int, int, bytes]:
    return 3, len(text), zlib.compress(text)


def _loose(kind: str, body: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()


def _commit_of(tree: bytes, *, more: tuple[tuple[int, int, bytes], ...] = ()) -> tuple[str, bytes]:
    """A pack with one commit and its tree; the tip."""
    body = f"tree {_loose('tree', tree)}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n".encode()
    made = _pack((1, len(body), zlib.compress(body)), (2, len(tree), zlib.compress(tree)), *more)
    return _loose("commit", body), made


def _evil(name: bytes, text: bytes = b"x\n") -> Callable[[Path], tuple[str, Answer]]:
    """A commit whose tree has one file of this name."""
    tree = b"100644 " + name + b"\0" + bytes.fromhex(_loose("blob", text))
    tip, pack = _commit_of(tree, more=(_blob(text),))
    return lambda _: (tip, _packed(pack))


def _without_tree(_: Path) -> tuple[str, Answer]:
    body = f"tree {'c' * 40}\nauthor {_WHO}\ncommitter {_WHO}\n\nx\n".encode()
    return _loose("commit", body), _packed(_pack((1, len(body), zlib.compress(body))))


def _delta_bomb() -> bytes:
    """A delta that says its result is 4 GiB."""
    size = b"\x80\x80\x80\x80\x10"
    delta = zlib.compress(b"\x01" + size + b"\x90\x01")
    return _pack(_blob(b"x"), (7, 8, bytes.fromhex(_loose("blob", b"x")) + delta))


_GOOD = _pack(_blob(b"x"))
_MODULES = b'[submodule "x"]\n\tpath = x\n\turl = -oProxyCommand=touch\n'
_NOISE = pkt(b"\x02" + b"chatter " * 8_000)
_BIT = pkt(b"\x02" + b"x" * 3_000)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _silent(wire: Wire) -> None:
    wire.send(_CHUNKED % b"upload-pack" + _chunk(pkt("NAK\n")))
    time.sleep(600)


FETCHES: Mapping[str, Act] = {
    "B14 fetch: delta bomb of 4 GiB": _fetch(_says(_packed(_delta_bomb()))),
    "B16 fetch: other objects": _fetch(_says(_packed(_GOOD))),
    "B17 fetch: a commit without its tree": _fetch(_without_tree),
    "B18 fetch: wrong checksum": _fetch(_says(_packed(_GOOD[:-20] + bytes(20)))),
    "B19 fetch: truncated pack": _fetch(_says(_packed(_GOOD[:-9]))),
    "B20 fetch: HTML": _fetch(_says(lambda wire: wire.answer(b"<html>", "text/html"))),
    "B21 fetch: band 3 with escapes": _fetch(
        _says(result(pkt("NAK\n") + band(3, b"\x1b[2J no\n")))
    ),
    "B22 fetch: shallow lines": _fetch(_says(result(pkt(f"shallow {OID}\n") * 1000 + b"0000"))),
    "B23 fetch: a pack that never comes": _fetch(_says(_silent), long=True),
    "B24 fetch: chatter without end": _fetch(
        _says(endless(_CHUNKED % b"upload-pack", _chunk(_NOISE)))
    ),
    "B25 fetch: chatter of 3 kB/s": _fetch(
        _says(dripping(_CHUNKED % b"upload-pack", _chunk(_BIT))), long=True
    ),
    "B26 commit with an entry .git": _fetch(_evil(b".git"), says=".git"),
    "B27 .gitmodules with a dash URL": _fetch(_evil(b".gitmodules", _MODULES), says="gitmodules"),
    "B28 tree with ../ in a name": _fetch(_evil(b"../x"), says="fullPathname"),
}  # fmt: skip


# --- pushes: the hostile peer lacks `widget`, takes its events, and answers the push ---


def _push(
    answer: Answer, *, long: bool = False, judge: Callable[[Scene], str] = lambda _: ""
) -> Act:
    def play(scene: Scene) -> Answers:
        return {"relay": relay_of(), "refs": listing({}), "push": answer}

    return Act(play=play, reaches="git-receive-pack", long=long, judge=judge)


def _report(*lines: str, chatter: bytes = b"") -> Answer:
    body = b"".join(pkt(f"{line}\n") for line in lines) + b"0000"
    return result(band(2, chatter) + band(1, body) + b"0000")


def _mute(wire: Wire) -> None:
    take_body(wire)
    time.sleep(600)


def _small_report(scene: Scene) -> str:
    size = (scene.folder / "reports" / "latest.json").stat().st_size
    return f"a report of {size} bytes" if size > 200_000 else ""


PUSHES: Mapping[str, Act] = {
    "B29 push: ok, and nothing moved": _push(_report("unpack ok", f"ok {_MAIN}")),
    "B30 push: ng with 1 MB of text and escapes": _push(
        _report("unpack ok", *(f"ng {_MAIN} \x1b[2J{'x' * 60_000}",) * 16), judge=_small_report
    ),
    "B31 push: empty answer": _push(result(b"")),
    "B32 push: unpack error": _push(_report("unpack \x1b[2Jindex-pack abnormal exit")),
    "B33 push: ok and 3.9 MB of chatter": _push(
        _report("unpack ok", f"ok {_MAIN}", chatter=b"x" * int(3.9 * MB)), judge=_small_report
    ),
    "B34 push: fatal band 3": _push(result(band(3, b"\x1b[2J disk full\n"))),
    "B35 push: report for other refs": _push(_report("unpack ok", "ok refs/heads/other")),
    "B36 push: no answer": _push(_mute, long=True),
    "B37 push: 100 Continue every 5 s": _push(
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 5.0), long=True
    ),
}


# --- what a relay says to what it is sent ---


def _replies(reply: Callable[[Wire, JsonEvent], bool]) -> Act:
    return Act(play=fixed(relay=relay_of(reply=reply), refs=listing({})))


def _dropped(wire: Wire, event: JsonEvent) -> bool:
    return not ok(wire, event)


def _refused_but_kept(wire: Wire, event: JsonEvent) -> bool:
    wire.say("OK", event["id"], False, "blocked: no \x1b[2J")
    return True


def _no_ok(_: Wire, __: JsonEvent) -> bool:
    return False


def _other_ok(wire: Wire, _: JsonEvent) -> bool:
    wire.say("OK", "0" * 64, "yes", 7)
    return False


def _cut(_: Wire, __: JsonEvent) -> bool:
    raise ConnectionError


REPLIES: Mapping[str, Act] = {
    "B38 OK, and dropped": _replies(_dropped),
    "B39 refused, and kept": _replies(_refused_but_kept),
    "B40 no OK": _replies(_no_ok),
    "B41 OK for another event": _replies(_other_ok),
    "B42 reset at EVENT": _replies(_cut),
}

ACTS: Mapping[str, Act] = {**LISTINGS, **FETCHES, **PUSHES, **REPLIES}
