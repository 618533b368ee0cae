"""`make hostile`: a hostile peer, or a hurt machine, beside healthy servers; one row a case.

Judged by what the healthy servers then serve (git ls-remote), by whether the report names the peer,
by seconds, by the memory of the program with all its children, and by the disk it used.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.kit.program import Case, command

from . import cases, frames, gits, machine, people, web
from .kills import KILLS
from .machine import HARMS, TEXTS, Harm
from .peer import Peer
from .run import Cost, measured
from .script import Act, Scene
from .signals import HEARING, STRIKES, Strike, beside

SECONDS = 330.0
"""After that a case has failed: reading one server may take 120 s, and a run looks twice."""
_SHORT = 90.0
"""The same for cases that are not marked long, on a machine that does other things besides."""
_MEGABYTES = 400
_DISK_MEGABYTES = 600
_AT_ONCE = int(os.environ.get("JOBS", "2"))
_WAS = "before: up to 1203 s, 1903 MB of memory and 2047 MB of disk for one peer"

ACTS: Mapping[str, Act] = {**cases.ACTS, **web.ACTS, **frames.ACTS, **gits.ACTS, **people.ACTS}
FAMILIES = ("A", "B", "C", "Y")
_UNSEEN = "proves nothing"
_ONE_LINE = threading.Lock()


@dataclass(frozen=True)
class Ended:
    """How one case ended; `why` is empty when it held."""

    name: str
    why: str
    cost: Cost


def say(text: str) -> None:
    """One line, at once."""
    with _ONE_LINE:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def main(words: Sequence[str]) -> int:
    """Exit 1 when a case failed. `words`: ids (`B6`), parts of names, or `short`."""
    plays: dict[str, Callable[[], Ended]] = {}
    plays |= {name: partial(_act, name, act) for name, act in ACTS.items()}
    plays |= {name: partial(_harm, name, harm) for name, harm in HARMS.items()}
    plays |= {name: partial(_strike, name, made) for name, made in STRIKES.items()}
    plays |= {name: partial(_validate, name, text) for name, text in TEXTS.items()}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ends = list(pool.map(_shown, *zip(*_chosen(plays, words), strict=True)))
    bad = [end.name for end in ends if end.why]
    _sum(ends, len(bad))
    for name, play in KILLS.items():
        if not words or "kills" in words:
            why = play()
            bad += [name] if why.startswith("failed") else []
            say(f"{name}: {why}")
    return 1 if bad else 0


def _chosen(
    plays: Mapping[str, Callable[[], Ended]], words: Sequence[str]
) -> list[tuple[str, Callable[[], Ended]]]:
    def wanted(name: str) -> bool:
        if "short" in words and name in ACTS and ACTS[name].long:
            return False
        return not set(words) - {"short"} or any(
            name.split(" ", maxsplit=1)[0] == w if re.fullmatch(r"[ABCY]\d+\w?", w) else w in name
            for w in words
        )

    return [(name, play) for name, play in plays.items() if wanted(name)]


def _sum(ends: Sequence[Ended], bad: int) -> None:
    hostile = [end.cost for end in ends if end.name in ACTS]
    if ends:
        say(f"\n{len(ends) - bad} of {len(ends)} held")
    if hostile:
        worst = [max(getattr(cost, f) for cost in hostile) for f in ("seconds", "memory", "disk")]
        say(f"one hostile peer: at most {worst[0]:.0f} s, {worst[1]:.0f} MB of memory and "
            f"{worst[2]:.0f} MB of disk\n{_WAS}")  # fmt: skip


def _shown(name: str, play: Callable[[], Ended]) -> Ended:
    try:
        end = play()
        if _UNSEEN in end.why:  # a busy machine: the peer counted as slow before its attack began
            end = play()
    except Exception:
        end = Ended(name, "broken: " + traceback.format_exc()[-900:], Cost(0, 0, 0, 0, ""))
    cost = end.cost
    say(f"{'failed' if end.why else 'held':7}{cost.seconds:6.1f} s {cost.memory:6.0f} MB "
        f"{cost.disk:6.0f} MB  {name}{'  ' if end.why else ''}{end.why}")  # fmt: skip
    return end


def _act(name: str, act: Act) -> Ended:
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    case, peer, witness = Case(folder), Peer(), Peer()
    try:
        case.start("one", "two", family="spec")
        case.extra_servers += [peer.url, *([witness.url] if act.witness else [])]
        case.repository("widget", on=["one"])
        scene = Scene(case, peer, witness)
        peer.answers = act.play(scene)
        file = case.desired(signer=act.signer)
        _paced(file) if act.paced else None
        argv = command(folder, "-f", file, "--apply", *act.args)
        argv += ["--keys", str(folder / "keys")] if act.signer else []
        argv = ["sh", "-c", act.wrap, "sh", *argv] if act.wrap else argv
        cost = measured(argv, folder, bound=SECONDS if act.long else _SHORT)
        found = _faults(act, scene, cost)
        found += [f"exit {cost.code}, says {cost.text.strip()[-400:]!r}"] if found else []
        return Ended(name, "; ".join(found), cost)
    finally:
        case.stop()
        peer.close()
        witness.close()
        shutil.rmtree(folder, ignore_errors=True)


def _faults(act: Act, scene: Scene, cost: Cost) -> list[str]:
    """What went wrong, in words."""
    case, found = scene.case, _ended(cost)
    one = _refs(case, "one")
    if act.alike and (not one or _refs(case, "two") != one):
        found.append("the healthy servers differ")
    if act.codes and cost.code not in act.codes:
        found.append(f"exit {cost.code}")
    heads = [request.headers for request in scene.witness.seen]
    found += [f"{what} went to another server" for what in ("cookie", "x-injected")
              if any(what in head for head in heads)]  # fmt: skip
    if act.reaches and not any(act.reaches in request.path for request in scene.peer.seen):
        found.append(f"{_UNSEEN}: no request with {act.reaches}")
    path = case.folder / "reports" / "latest.json"
    if not path.exists():
        return [*found, "no report"]
    report = path.read_text()
    if act.named and not _is_named(json.loads(report), scene.peer.url):
        found.append("the report does not name it")
    if act.says not in report:
        found.append(f"the report does not say {act.says!r}")
    if any(ord(letter) in (0x1B, 0x07) for letter in cost.text):
        found.append("an escape sequence was printed")
    if why := act.judge(scene):
        found.append(why)
    return found


def _refs(case: Case, server: str) -> dict[str, str]:
    """What `git ls-remote` says; nothing where there is no repository."""
    try:
        return case.refs(server, "widget")
    except RuntimeError:
        return {}


def _ended(cost: Cost) -> list[str]:
    found = []
    if cost.code in (-6, -9):
        found.append(f"killed, beyond its time: {cost.text[-4000:]}")
    elif cost.code == 1 or cost.code < 0 or "Traceback" in cost.text:
        found.append(f"exit {cost.code}: {cost.text.strip()[-300:]}")
    if cost.memory > _MEGABYTES or cost.disk > _DISK_MEGABYTES:
        found.append("beyond its bounds")
    return found


def _is_named(report: dict[str, list[dict[str, Any]]], url: str) -> bool:
    servers = (s for s in report["servers"] if s["url"] == url and s["unknown"])
    cells = (c for c in report["cells"] if c["server"] == url and c["verdict"] != "in-sync")
    return any(servers) or any(cells)


def _harm(name: str, harm: Harm) -> Ended:
    """Servers `one` and `two`; `three` joins after the run that filled the archive."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    case = Case(folder)
    try:
        case.start("one", "two", "three", family="spec")
        case.repository("widget", on=["one"])
        if harm.seasoned:
            third = case.servers.pop("three")
            case.desired()
            case.reconcile("--apply")
            case.servers["three"] = third
        case.desired()
        harm.spoil(case)
        cost = measured(machine.argv(case, harm), folder, bound=_SHORT, env=harm.env)
        found = [] if cost.code in harm.codes else [f"exit {cost.code}"]
        found += _ended(cost)
        one, *others = (_refs(case, server) for server in ("one", "two", "three"))
        if harm.converges and (not one or any(refs != one for refs in others)):
            found.append("the servers differ")
        found += [why] if (why := harm.judge(case)) else []
        found += [f"says {cost.text.strip()[-200:]!r}"] if found else []
        return Ended(name, "; ".join(found), cost)
    finally:
        case.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _paced(file: Path) -> None:
    """With the throttle that nobody has set."""
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "throttle:" not in line))


def _strike(name: str, made: Callable[[], Strike]) -> Ended:
    folder, strike = Path(tempfile.mkdtemp(prefix="hostile-")), made()
    case, peer = Case(folder), Peer(strike.answers)
    try:
        case.start("one", "two", family="spec")
        case.extra_servers += [peer.url] if strike.answers else []
        case.repository("widget", on=["one"])
        strike.prepare(case)
        file = case.desired(signer=strike.signer)
        _paced(file)
        argv = command(folder, "-f", file, "--apply")
        argv += ["--keys", str(folder / "keys")] if strike.signer else []

        def due() -> bool:
            received: int = case.servers["two"].counters.snapshot()["events_received"]
            heard = any("upgrade" in request.headers for request in peer.seen)
            return heard if strike.answers else received > 3

        wrapped = [sys.executable, "-S", "-c", HEARING, *argv]
        cost = measured(wrapped, folder, bound=_SHORT, begun=beside(strike, due))
        strike.ended()
        found = strike.faults(case, cost.code)
        found += [f"says {cost.text.strip()[-200:]!r}"] if found else []
        return Ended(name, "; ".join(found), cost)
    finally:
        case.stop()
        peer.close()
        shutil.rmtree(folder, ignore_errors=True)


def _validate(name: str, text: str) -> Ended:
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    path = folder / "desired-state.yaml"
    path.write_text(text)
    cost = measured(machine.validating(path), folder, bound=_SHORT)
    found = [] if cost.code == 78 else [f"exit {cost.code}"]
    found += _ended(cost)
    found += ["a password was shown"] if "secretpass" in cost.text else []
    found += ["a tag was followed"] if (folder / "owned").exists() else []
    shutil.rmtree(folder, ignore_errors=True)
    return Ended(name, "; ".join(found), cost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
