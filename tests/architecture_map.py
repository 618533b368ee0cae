"""The map in docs/architecture.md, drawn from the tables that test_architecture.py checks.

.venv/bin/python -m tests.architecture_map
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.test_architecture import FLOORS, ONLY, SANDBOX_FLOORS

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
BEGIN, END = "<!-- the map: make format draws it -->\n", "<!-- end of the map -->\n"
WIDTH = max(len(room) for floor in FLOORS for room in floor) + 2


def drawn() -> str:
    """Floors from the top down; beside each room what it may import of the house."""
    return "\n".join(("```", *_rooms(), "", "in sandbox, from the top:", *_sandbox(), "```", ""))


def _rooms() -> Iterator[str]:
    for number, floor in reversed([*enumerate(FLOORS)]):
        for room in floor:
            below = [other for names in FLOORS[: number + 1] for other in names]
            allowed = [other for other in below if other in ONLY.get(room, ())]
            listed = " ".join(reversed(allowed))
            yield f"{room:<{WIDTH}}{listed if room in ONLY else 'any below' if number else '-'}"
        if number:
            yield "─" * 72


def _sandbox() -> Iterator[str]:
    for floor in reversed(SANDBOX_FLOORS):
        yield "  " + " · ".join(floor)


def redrawn(page: str) -> str:
    """The page with the map as it is now.

    Raises:
        ValueError: the page has no place for it.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the marks of the map are gone")
    return before + BEGIN + drawn() + END + after


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text("utf-8")), "utf-8")
