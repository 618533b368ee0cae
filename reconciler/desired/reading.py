"""The steps of reading, and the one place that raises what they found."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from reconciler.desired import meaning, shape, yamltree
from reconciler.desired.build import build
from reconciler.desired.places import Tree
from reconciler.desired.wording import LEAK_REMEDY, SECRET, hide
from reconciler.errors import Mistake, UserFault
from reconciler.limits import YAML_BYTES
from reconciler.model.desired import Desired

# what YAML does not allow, and U+0085, U+2028 and U+2029, which not every editor counts as lines
_UNPRINTABLE = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(text: str | bytes, *, place: str) -> Desired:
    """Read a desired state.

    Args:
        text: the file's content; bytes must be UTF-8.
        place: the file's name, for mistakes.

    Raises:
        UserFault: with every mistake at once, in the order of the file. No message ever holds a
            secret key, even where the file does.
    """
    source = _printable(_decoded(text, place), place)
    leaks = _leaks(source, place)
    try:
        tree = yamltree.read(source, place)
        mistakes = _mistakes(tree)
    except UserFault as fault:
        raise UserFault(*_ordered(leaks, list(fault.mistakes))) from None
    if leaks or mistakes:
        raise UserFault(*_ordered(leaks, mistakes))
    return build(tree.value, hashlib.sha256(source.encode()).hexdigest())


def _mistakes(tree: Tree) -> list[Mistake]:
    findings = list(shape.check(tree))
    version = [mistake for path, mistake in findings if path == ("version",)]
    if version and _is_other_version(tree):
        return [*tree.mistakes, *version]  # the rest may be right in that version
    bad = frozenset(path for path, _ in findings) | tree.opaque
    whole = isinstance(tree.value, dict) and tree.value.keys() >= {"servers", "npubs"}
    refer = whole and not any(path[:1] in (("servers",), ("npubs",)) for path in bad)
    about_meaning = meaning.check(tree, shape.prune(tree.value, bad), refer=refer)
    return [*tree.mistakes, *(mistake for _, mistake in findings), *about_meaning]


def _is_other_version(tree: Tree) -> bool:
    return isinstance(tree.value, dict) and type(tree.value.get("version")) is int


def _ordered(leaks: list[Mistake], others: list[Mistake]) -> list[Mistake]:
    """By place, each once. In a line with a secret key nothing else is worth saying."""
    leaking = {mistake.line for mistake in leaks}
    kept = [*leaks, *(m for m in others if m.line not in leaking)]
    safe = (replace(m, message=hide(m.message), remedy=hide(m.remedy)) for m in kept)
    return sorted(dict.fromkeys(safe), key=lambda m: (m.line, m.column))


def _decoded(text: str | bytes, place: str) -> str:
    size = len(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if size > YAML_BYTES:
        message = f"the file has {size} bytes, more than {YAML_BYTES}"
        raise UserFault(Mistake(place, message, "split the file"))
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _spot(text[: error.start].decode("utf-8"))
        remedy = "save the file as UTF-8"
        raise UserFault(Mistake(place, "not UTF-8", remedy, line, column)) from None


def _printable(text: str, place: str) -> str:
    if found := _UNPRINTABLE.search(text):
        line, column = _spot(text[: found.start()])
        message = f"the character U+{ord(found[0]):04X} is not allowed"
        raise UserFault(Mistake(place, message, "remove it", line, column))
    return text


def _leaks(text: str, place: str) -> list[Mistake]:
    """Secret keys anywhere in the text, also in comments and where YAML is broken."""
    message = "a secret key stands in the file"
    return [
        Mistake(place, message, LEAK_REMEDY, *_spot(text[: found.start()]))
        for found in SECRET.finditer(text)
    ]


def _spot(before: str) -> tuple[int, int]:
    """Line and column of what follows this text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
