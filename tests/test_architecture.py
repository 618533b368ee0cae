"""The map of the house, kept by reading the code: who may import whom, and who may touch the world.

The rules are tables below; the checker is tried on a small bad tree, so that it is known to bite.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tests.kit.code import DOORS, Code, ImportLine, read_code

ROOT = Path(__file__).parents[1]
PACKAGE = "reconciler"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "limits"),
    ("git", "nostr", "schemas", "pacing", "plumbing"),
    ("model",),
    ("facts", "world", "desired"),
    ("observe", "plan", "guard", "apply"),
    ("settling",),
    ("report",),
    ("saved",),
    ("pipeline",),
    ("edge", "sign", "serving", "sandbox", "conformance"),
    ("cli",),
    ("__main__",),
)
"""Rooms from the ground up; a room may import its own floor and those below it, never above."""

SANDBOX_FLOORS: tuple[tuple[str, ...], ...] = (
    ("clock", "limits"),
    ("metrics", "family"),
    ("events", "waiting", "repos", "held"),
    ("policy",),
    ("service",),
    ("flow",),
    ("runtime",),
    ("hunt",),
    ("sync", "wire"),
    ("faults", "faulty"),
    ("assembly",),
    ("server",),
    ("demo",),
)
"""The same inside the sandbox."""

ONLY: Mapping[str, frozenset[str]] = {
    "git": frozenset({"errors", "limits"}),
    "nostr": frozenset({"errors", "limits", "git"}),
    "model": frozenset({"errors", "git", "limits", "nostr", "schemas"}),
    "facts": frozenset({"errors", "git", "limits", "model", "nostr"}),
    "plan": frozenset({"facts", "git", "limits", "model", "nostr", "pacing"}),
    "guard": frozenset({"facts", "git", "limits", "model", "nostr"}),
    "observe": frozenset({"facts", "git", "limits", "model", "nostr", "world"}),
    "apply": frozenset({"errors", "git", "limits", "model", "nostr", "world"}),
    "report": frozenset({"git", "limits", "model", "nostr"}),
    "pacing": frozenset({"errors", "limits"}),
    "plumbing": frozenset({"errors", "limits"}),
    "edge": frozenset({"errors", "git", "limits", "model", "nostr", "pacing", "plumbing", "world"}),
    "sign": frozenset({"errors", "limits", "nostr"}),
    "serving": frozenset({"limits", "model", "nostr", "report"}),
    "sandbox": frozenset({"errors", "limits", "nostr", "git", "pacing", "plumbing"}),
    "conformance": frozenset({"errors", "git", "nostr", "report"}),
}
"""Rooms whose imports from the house are listed one by one; `reconciler` itself is open to all."""

ONLY_CLI_WIRES = frozenset({"edge", "sign", "serving", "sandbox", "conformance", "cli"})
STAGES = frozenset({"observe", "plan", "guard", "apply"})

_NAMES = """
aiohttp asyncio concurrent ctypes datetime fcntl http io multiprocessing os pathlib
prometheus_client random requests secrets select shutil signal socket sqlite3 ssl
subprocess sys tempfile tenacity threading time urllib3 uuid websocket
"""
WORLDLY = frozenset(_NAMES.split())
"""Clock, chance, files, threads, processes and the network."""
OUTER = frozenset({"edge", "sandbox", "serving", "conformance", "cli", "sign", "plumbing"})
"""Rooms that may touch the world."""
ALLOWED: Mapping[str, frozenset[str]] = {
    "observe.again": frozenset({"concurrent"}),  # one worker pool: questions side by side
    "observe.look": frozenset({"concurrent"}),
    "observe.rounds": frozenset({"concurrent"}),
    "report.explain": frozenset({"datetime"}),  # seconds as a date; no clock is asked
    "apply.execution": frozenset({"concurrent"}),  # servers and repositories side by side
    "apply.ledger": frozenset({"threading"}),  # the lock on its tables
    "report.terminal": frozenset({"io"}),  # text in memory
    "report.progress": frozenset({"threading"}),  # the event by which signals ask to stop
}
"""The exceptions, module by module."""

BY_POSITION = frozenset({("conformance.stage", "Stage")})
"""Values of many fields that need not be made by name: subclasses add fields to it."""
WAIVERS = {"reconciler": 9, "tests": 2}
"""How many `noqa` and `type: ignore` there are; adding one is a decision."""
WAIVER = re.compile(r"#\s*(noqa\b|type:\s*ignore)")
MODULE_LINES = 400
NAME_WORDS = 4
"""The least that a sentence has, in the name of a test and without the word `test`."""
TEST_NAME = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)
LIMIT = re.compile(r'^([A-Z][A-Z\d_]*): Final = .*\n(""")?', re.MULTILINE)
SHARED = re.compile(r"^ *(?:from|import) tests\.(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Import:
    """`source` (a dotted module) imports `target`, perhaps inside a function."""

    source: str
    target: str
    inside: bool


@dataclass(frozen=True)
class Tree:
    """A package as text: module names without the package's own, and their code."""

    modules: Mapping[str, str]

    @cached_property
    def code(self) -> Mapping[str, Code]:
        return {name: read_code(text) for name, text in self.modules.items()}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(
            Import(name, target, line.inside)
            for name, code in self.code.items()
            for line in code.imports
            for target in self._targets(line)
        )

    def _targets(self, line: ImportLine) -> list[str]:
        if line.module is None:
            return ["?relative"] if line.relative else [*line.names]
        return [self._deepest(line.module, name) for name in line.names]

    def _deepest(self, module: str, name: str) -> str:
        """`from a import b` means the module a.b where there is one."""
        deeper = f"{module}.{name}"
        return deeper if deeper.removeprefix(PACKAGE + ".") in self.modules else module


def read(root: Path) -> Tree:
    files = sorted(root.rglob("*.py"))
    names = [".".join(f.relative_to(root).with_suffix("").parts) for f in files]
    return Tree(
        {
            name.removesuffix(".__init__"): file.read_text("utf-8")
            for name, file in zip(names, files, strict=True)
        }
    )


def room(module: str) -> str:
    return module.partition(".")[0]


def ours(target: str) -> str | None:
    """The module within the package; None for foreign ones and for the root."""
    return target.removeprefix(PACKAGE + ".") if target.startswith(PACKAGE + ".") else None


# --- the rules: each lists its breaches ---------------------------------------------------------


def upward(tree: Tree) -> list[str]:
    return _upward(tree, FLOORS, "")


def upward_in_the_sandbox(tree: Tree) -> list[str]:
    return _upward(tree, SANDBOX_FLOORS, "sandbox.")


def _upward(tree: Tree, floors: tuple[tuple[str, ...], ...], within: str) -> list[str]:
    """Breaches of the order of floors in the package `within` ("" or "name.")."""
    floor = {name: number for number, names in enumerate(floors) for name in names}

    def inner(module: str) -> str | None:
        return room(module.removeprefix(within)) if module.startswith(within) else None

    rooms = {inner(m) for m in tree.modules} - {"__init__", None}
    found = [f"{within}{name}: on no floor" for name in rooms - floor.keys()]
    for i in tree.imports:
        source, target = inner(i.source), inner(ours(i.target) or "")
        if source and target and floor.get(source, 0) < floor.get(target, 99):
            found.append(f"{i.source} imports {ours(i.target)}, which is above it")
    return found


def unlisted(tree: Tree) -> list[str]:
    found = []
    for i in tree.imports:
        target, source = ours(i.target), room(i.source)
        if target and source in ONLY and room(target) not in ONLY[source] | {source}:
            found.append(f"{i.source} imports {target}")
    return found


def wired_elsewhere(tree: Tree) -> list[str]:
    """Edge, sign, sandbox and conformance are imported by themselves and by cli alone."""
    found = []
    for i in tree.imports:
        target = room(ours(i.target) or "")
        if target in ONLY_CLI_WIRES and room(i.source) not in (target, "cli", "__main__"):
            found.append(f"{i.source} imports {i.target}")
    return found


def stage_to_stage(tree: Tree) -> list[str]:
    return [
        f"{i.source} imports {i.target}"
        for i in tree.imports
        if room(i.source) in STAGES and (ours(i.target) or "") in STAGES - {i.source}
    ]


def cycles(tree: Tree) -> list[str]:
    """Modules that need themselves. Importing a.b.c runs the packages a and a.b, too."""
    graph: dict[str, set[str]] = {name: set() for name in tree.modules}
    for i in tree.imports:
        target = ours(i.target) or ""
        parts = target.split(".")
        wanted = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        own = {i.source, i.source.rpartition(".")[0]}  # being imported right now
        graph[i.source] |= (wanted & graph.keys()) - own - {""}
    return [name for name in graph if name in _reached(graph, name)]


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def inside_functions(tree: Tree) -> list[str]:
    return [f"{i.source} imports {i.target}" for i in tree.imports if i.inside]


def relative(tree: Tree) -> list[str]:
    return [i.source for i in tree.imports if i.target == "?relative"]


def worldly(tree: Tree) -> list[str]:
    found = []
    for i in tree.imports:
        name = i.target.partition(".")[0]
        allowed = room(i.source) in OUTER or name in ALLOWED.get(i.source, frozenset())
        if name in WORLDLY and not allowed:
            found.append(f"{i.source} imports {i.target}")
    return found


def builtin_doors(tree: Tree) -> list[str]:
    """`print` nowhere; `open`, `input`, `eval` and their kin not in the pure rooms."""
    pure = DOORS - {"print"}
    found = []
    for name, code in tree.code.items():
        banned = {"print"} | (set() if room(name) in OUTER else pure)
        found += [f"{name} calls {builtin}" for builtin in sorted(code.doors & banned)]
    return found


def silent(tree: Tree) -> list[str]:
    """Modules without a docstring; an empty package file needs none."""
    return [name for name, code in tree.code.items() if not code.documented]


def by_position(tree: Tree) -> list[str]:
    """mypy cannot see two arguments of one type change places."""
    made = [(name, value) for name, code in tree.code.items() for value in code.positional]
    return [f"{name}.{value}" for name, value in made if (name, value) not in BY_POSITION]


def long(tree: Tree) -> list[str]:
    return [n for n, text in tree.modules.items() if len(text.splitlines()) > MODULE_LINES]


def waivers(texts: Iterable[str]) -> int:
    return sum(len(WAIVER.findall(text)) for text in texts)


RULES = (
    upward,
    upward_in_the_sandbox,
    unlisted,
    wired_elsewhere,
    stage_to_stage,
    cycles,
    inside_functions,
    relative,
    worldly,
    builtin_doors,
    silent,
    by_position,
    long,
)
HOUSE = read(ROOT / PACKAGE)
assert HOUSE.code, (
    "parsed now: hypothesis, later, parses in a thread, and CPython 3.11 does not bear two"
)
TESTS = {
    path.relative_to(ROOT / "tests"): path.read_text("utf-8")
    for path in sorted((ROOT / "tests").rglob("*.py"))
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_the_house_keeps_each_of_its_rules(rule: object) -> None:
    assert callable(rule)
    assert rule(HOUSE) == []


@pytest.mark.parametrize("folder", WAIVERS)
def test_waivers_of_each_folder_are_counted(folder: str) -> None:
    files = [f for f in (ROOT / folder).rglob("*.py") if f != Path(__file__)]
    assert waivers(f.read_text("utf-8") for f in files) == WAIVERS[folder]


def test_no_exception_is_left_over() -> None:
    used = {(i.source, i.target.partition(".")[0]) for i in HOUSE.imports}
    assert {(m, name) for m, names in ALLOWED.items() for name in names} <= used


def test_every_room_stands_in_the_house() -> None:
    rooms = {room(module) for module in HOUSE.modules}
    assert {name for names in FLOORS for name in names} <= rooms
    within = {room(m.partition(".")[2]) for m in HOUSE.modules if m.startswith("sandbox.")}
    assert {name for names in SANDBOX_FLOORS for name in names} <= within


@pytest.mark.parametrize("table", ["limits", "sandbox.limits"])
def test_every_limit_says_why_it_is_so_and_is_used(table: str) -> None:
    names = LIMIT.findall(HOUSE.modules[table])
    assert len(names) > 15
    assert [name for name, why in names if not why] == []
    asked = (line for code in HOUSE.code.values() for line in code.imports)
    used = {name for line in asked if line.module == f"{PACKAGE}.{table}" for name in line.names}
    assert [name for name, _ in names if name not in used] == []


def test_folders_of_tests_share_by_the_kit_alone() -> None:
    breaches = [
        f"{path} imports tests.{room}"
        for path, text in TESTS.items()
        for room in SHARED.findall(text)
        if len(path.parts) > 1 and room not in ("kit", "cases", path.parts[0])
    ]
    assert breaches == []


def test_the_name_of_a_test_says_what_must_hold() -> None:
    short = [
        f"{path}: {name}"
        for path, text in TESTS.items()
        for name in TEST_NAME.findall(text)
        if name.count("_") < NAME_WORDS
    ]
    assert short == []


def test_every_package_is_installed() -> None:
    """`pip install .` takes what pyproject.toml lists, and nothing else."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {file.parent.relative_to(ROOT) for file in (ROOT / PACKAGE).rglob("*.py")}
    assert {".".join(folder.parts) for folder in folders} == {
        name for name in listed if room(name) == PACKAGE
    }


# --- and the rules bite -------------------------------------------------------------------------

GOOD = {
    "errors": '"""Doc."""\n',
    "model": '"""Doc."""\n',
    "model.plan": '"""Doc."""\nfrom reconciler.nostr.event import Event\n',
    "nostr": "",
    "nostr.event": '"""Doc."""\nimport hashlib\nfrom reconciler.errors import PeerFault\n',
    "guard": '"""Doc."""\nfrom reconciler.model import plan\n',
    "edge": "",
    "edge.http": '"""Doc."""\nimport socket\nfrom reconciler.errors import PeerFault\n',
    "cli": '"""Doc."""\nfrom reconciler.edge import http\n',
}
BAD: dict[str, tuple[object, dict[str, str]]] = {
    "a lower room imports an upper one": (
        upward,
        {"nostr.event": "from reconciler.model import x"},
    ),
    "a room that nobody knows": (upward, {"attic": '"""Doc."""'}),
    "a policy opens a wire": (
        upward_in_the_sandbox,
        {"sandbox.policy.x": "from reconciler.sandbox.wire import relay"},
    ),
    "a healthy wire knows of faults": (
        upward_in_the_sandbox,
        {"sandbox.wire.x": "from reconciler.sandbox.faults import Faults"},
    ),
    "a sandbox room that nobody knows": (upward_in_the_sandbox, {"sandbox.attic.x": ""}),
    "the root imports a room": (unlisted, {"git": "from reconciler.model.plan import Plan"}),
    "the sandbox looks at a stage": (unlisted, {"sandbox.x": "import reconciler.model.plan"}),
    "a stage opens the edge": (wired_elsewhere, {"guard": "from reconciler.edge import http"}),
    "the edge wires a signer": (wired_elsewhere, {"edge.http": "import reconciler.sign.keyfile"}),
    "a stage calls a stage": (stage_to_stage, {"guard": "from reconciler.plan import plan"}),
    "a circle of two": (
        cycles,
        {"a": "from reconciler.b import x", "b": "import reconciler.a"},
    ),
    "a circle through a package": (
        cycles,
        {"p": "from reconciler.q import x", "q": "from reconciler.p.y import z", "p.y": ""},
    ),
    "an import inside a function": (inside_functions, {"guard": "def f():\n    import json"}),
    "an import inside a method": (
        inside_functions,
        {"guard": "class C:\n    async def f(self):\n        from json import loads"},
    ),
    "a relative import": (relative, {"guard": "from . import plan"}),
    "a clock": (worldly, {"guard": "import time"}),
    "a clock by another way": (worldly, {"guard": "from datetime import datetime"}),
    "a socket below": (worldly, {"nostr.event": "import os.path"}),
    "chance": (worldly, {"model.plan": "from secrets import token_hex"}),
    "threads where no exception is": (worldly, {"observe": "import threading"}),
    "print": (builtin_doors, {"cli": "print(1)"}),
    "open": (builtin_doors, {"guard": "open('x')"}),
    "six fields by position": (
        by_position,
        {
            "guard": "@dataclass(frozen=True)\nclass C:\n"
            + "".join(f"    {n}: int\n" for n in "abcdef")
        },
    ),
    "no docstring": (silent, {"guard": "x = 1"}),
    "too long": (long, {"guard": "x = 1\n" * (MODULE_LINES + 1)}),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_a_good_tree_passes(rule: object) -> None:
    assert callable(rule)
    assert rule(Tree(GOOD)) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_tree_fails(name: str) -> None:
    rule, changed = BAD[name]
    assert callable(rule)
    assert rule(Tree(GOOD | changed)) != []


def test_waivers_are_seen_in_every_spelling() -> None:
    spelled = [
        "x  # noqa",
        "x  # noqa: E501",
        "x  #noqa",
        "x  # type: ignore[a]",
        "x  #type:ignore",
    ]
    assert waivers(spelled) == 5
    assert waivers(["# a quiet remark", "noqa"]) == 0
