"""How a text is to look: what a renderer may know of the place that it is shown at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """`width` in columns; `verbose` asks for every ref, event and name."""

    width: int = 80
    colour: bool = False
    verbose: bool = False
