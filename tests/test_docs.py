"""The documents tell the truth: links lead somewhere, lists are complete, commands exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler import __version__
from reconciler.cli.main import main
from reconciler.conformance.rows import NAMES
from reconciler.conformance.verdict import Ended
from reconciler.guard import GUARDS
from reconciler.model.plan import HoldReason
from reconciler.report.codes import Exit
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.faults import FAULTS
from tests.architecture_map import PAGE as MAP
from tests.architecture_map import redrawn
from tests.kit.protocol import SCENARIOS, SECTIONS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(p for f in ("docs", "playbooks", "bench") for p in ROOT.glob(f"{f}/**/*.md")),
    ]
)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
ANCHOR = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
SOURCES = [p for folder in ("reconciler", "tests", "bench") for p in ROOT.glob(f"{folder}/**/*.py")]
SECTION = re.compile(r"§ ?(\d+(?:\.\d+)*)")
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def snippets(text: str) -> Iterator[str]:
    """Lines of code, fenced and inline."""
    for fenced, inline in CODE.findall(text):
        yield from (fenced or inline).splitlines()


def calls(text: str) -> Iterator[list[str]]:
    """The words after each `reconcile` that begins a command."""
    for line in snippets(text):
        command = re.match(r"\s*(?:\$ |- run: )?(?:\S*/)?reconcile(?= |$)(.*)", line)
        if command:
            yield shlex.split(command[1].partition(" #")[0].replace("[", "").replace("]", ""))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    targets = LINK.findall(path.read_text("utf-8"))
    assert [t for t in targets if not (path.parent / t).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_anchor_leads_to_a_heading(path: Path) -> None:
    for target, anchor in ANCHOR.findall(path.read_text("utf-8")):
        where = path.parent / target if target else path
        assert anchor in anchors(where.read_text("utf-8")), f"{target}#{anchor}"


def anchors(text: str) -> set[str]:
    """What git hosts make of headings: lower case, spaces as dashes, other signs left out."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_sections_that_are_cited_exist() -> None:
    """`§4.1`, in code and documents, means docs/protocol.md."""
    cited = {(n, p.name) for p in [*SOURCES, *PAGES] for n in SECTION.findall(p.read_text("utf-8"))}
    assert len(cited) > 20
    assert [(number, name) for number, name in cited if number not in SECTIONS] == []


def test_every_row_of_the_protocol_begins_with_its_section() -> None:
    begun = {name.partition("-")[0] for name in NAMES}
    assert begun <= SECTIONS | {"01"}  # 01: GRASP-01 itself


def test_scenarios_are_numbered_without_a_gap() -> None:
    assert set(range(1, len(SCENARIOS) + 1)) == SCENARIOS


def test_the_map_is_drawn_from_the_tables() -> None:
    """`make format` draws it anew."""
    text = MAP.read_text("utf-8")
    assert text == redrawn(text)


def test_decisions_have_status_and_date_and_stand_in_the_index() -> None:
    index = page("docs/decisions/README.md")
    for path in ROOT.glob("docs/decisions/0*.md"):
        head = re.match(
            r"# (\d{4}) (.+)\n\nStatus: (.+)\nSince: (\d{4}-\d\d-\d\d)\n", path.read_text("utf-8")
        )
        assert head, path.name
        number, title, status, since = head.groups()
        assert f"| [{number}]({path.name}) | {title} | {status} | {since} |" in index


def test_every_option_in_a_call_exists() -> None:
    told = [(path.name, words) for path in PAGES for words in calls(path.read_text("utf-8"))]
    assert len(told) > 20
    assert [line for line in told if unknown(line[1])] == []


def unknown(words: list[str]) -> list[str]:
    """The options that neither the program nor its named subcommand has."""
    command: click.Command = main
    options = set(_options(main))
    for word in words:
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), word) or command
            options |= set(_options(command))
    return [word for word in words if word.startswith("-") and word not in options]


def _options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts
        yield from parameter.secondary_opts
    yield from ("-h", "--help", "--version")


def test_every_make_target_exists_and_is_told() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", page("Makefile"), re.MULTILINE))
    told = {word for p in PAGES for word in re.findall(r"`?make ([a-z]+)`?", p.read_text("utf-8"))}
    wanted = {"demo", "test", "check", "quick", "long", "format", "bench", "conformance"}
    assert wanted <= told & targets


def test_exit_codes_are_all_told() -> None:
    rows = re.search(r"## Exit codes\n(.*?)\n## ", page("docs/operators.md"), re.DOTALL)
    assert rows
    codes = re.findall(r"^\| ([0-9, ]+) \|", rows[1], re.MULTILINE)
    assert {int(code) for row in codes for code in row.split(",")} == set(Exit)


def test_exit_codes_of_a_trial_are_all_told() -> None:
    text = page("docs/conformance.md").partition("## Exit codes")[2].partition("## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == set(Ended) | {Exit.USAGE, Exit.INTERRUPTED}


def test_holds_guards_faults_and_families_are_all_told() -> None:
    operators, sandbox = page("docs/operators.md"), page("docs/sandbox.md")
    assert {reason for reason in HoldReason if f"| `{reason}` |" not in operators} == set()
    assert {guard for guard in GUARDS if f"`{guard}`" not in operators} == set()
    assert {name for name in FAULTS if f"`{name}`" not in sandbox} == set()
    assert {name for name in PRESETS if f"| `{name}` |" not in sandbox} == set()


def test_the_version_is_written_once() -> None:
    """pyproject, `--version`, reports and the user agent all read it there."""
    assert tomllib.loads(page("pyproject.toml"))["project"]["dynamic"] == ["version"]
    files = [ROOT / "pyproject.toml", *ROOT.glob("reconciler/**/*.py")]
    told = re.compile(rf"[\"'/]{re.escape(__version__)}")
    found = [path for path in files if told.search(path.read_text("utf-8"))]
    assert found == [ROOT / "reconciler/__init__.py"]
