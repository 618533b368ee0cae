"""The one door for foreign text on its way to a person.

Names of refs, identifiers and servers' words come from anybody. Control characters move cursors,
bidi marks turn lines round, and a line that begins with `::` commands a CI runner.
"""

from __future__ import annotations

import unicodedata

_COMMANDS = (("::", ":\\u{3a}"), ("##", "#\\u{23}"))
"""What CI runners obey at the beginning of a line, even an indented one; lines may be folded."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: str, limit: int = 200) -> str:
    """`text` on one line, printable, and at most `limit` characters long.

    Characters that a terminal or a CI runner would obey instead of showing become `\\u{…}`.
    """
    shown = text[: limit + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(map(_shown, shown))
    for command, harmless in _COMMANDS:
        shown = shown.replace(command, harmless)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _shown(char: str) -> str:
    if unicodedata.category(char) in _UNSAFE:
        return f"\\u{{{ord(char):x}}}"
    # other spaces look like plain ones and are not
    return " " if char.isspace() else char
