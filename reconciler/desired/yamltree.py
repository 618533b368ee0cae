"""A small, strict part of YAML: mappings, lists and scalars, nothing that surprises.

Anchors, aliases, merge keys, tags, second documents and repeated keys are refused. Of plain
scalars only null, true, false and decimal numbers are not text: YAML 1.1 would read `no` as false,
`010` as 8, `1:30` as 90 and `2026-01-02` as a date.

The parser's events are read one by one, so that size and depth are refused before they cost much,
and PyYAML's constructors, which could build objects, never run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from reconciler.desired.places import Path, Spot, Tree
from reconciler.desired.wording import show
from reconciler.errors import Mistake, UserFault
from reconciler.limits import YAML_DEPTH, YAML_NODES
from reconciler.nostr.strictjson import Json

_NULLS = ("", "~", "null")
_BOOLS = {"true": True, "false": False}
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

_WRITE_OUT = "write the values out at every place where they are needed"


def read(text: str, place: str, *, most: int = YAML_NODES) -> Tree:
    """Read one document.

    Args:
        text: printable text, of a size that the caller has checked.
        place: the file's name, for mistakes.
        most: how many values it may hold, keys counted.

    Raises:
        UserFault: not YAML, empty, too deep or too large. Lesser mistakes stand in the Tree.
    """
    return _Reader(loader=yaml.SafeLoader(text), place=place, most=most).document()


class _Events(Protocol):
    """The part of PyYAML's loader that is used; `line` and `column` count from 0."""

    line: int
    column: int

    def get_event(self) -> yaml.Event: ...


@dataclass(slots=True, kw_only=True)
class _Reader:
    loader: _Events
    place: str
    most: int
    nodes: int = 0
    keys: dict[Path, Spot] = field(default_factory=dict)
    values: dict[Path, Spot] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    opaque: set[Path] = field(default_factory=set)

    def document(self) -> Tree:
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise UserFault(self._empty())
        value = self._node(self._next(), (), 1)
        if value is None and not self.mistakes:
            raise UserFault(self._empty())
        self._next()  # the document's end
        self._end()
        return Tree(
            place=self.place,
            value=value,
            keys=self.keys,
            values=self.values,
            mistakes=tuple(self.mistakes),
            opaque=frozenset(self.opaque),
        )

    def _end(self) -> None:
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._wrong(event, "a second document starts", "keep one document in one file")

    def _node(self, event: yaml.Event, path: Path | None, depth: int) -> Json:
        """The value that starts with this event. `path` is None inside what is thrown away."""
        self._bound(event, depth)
        self._refuse_extras(event, path)
        if path is not None:
            self.values[path] = _spot(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event, path)

    def _mapping(self, path: Path | None, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path, found, depth)
            below = None if path is None or key is None else (*path, key)
            if below is not None:
                self.keys[below] = _spot(event)
            value = self._node(self._next(), below, depth + 1)
            if key is not None:
                found[key] = value
        return found

    def _sequence(self, path: Path | None, depth: int) -> list[Json]:
        found: list[Json] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            below = None if path is None else (*path, len(found))
            found.append(self._node(event, below, depth + 1))
        return found

    def _key(
        self, event: yaml.Event, path: Path | None, found: dict[str, Json], depth: int
    ) -> str | None:
        """The key's text, whatever it looks like; None when its pair must be thrown away."""
        if not isinstance(event, yaml.ScalarEvent):
            self._wrong(event, "a key is not plain text", "write the key as one word")
            self._node(event, None, depth + 1)
            return None
        self._bound(event, depth)
        self._refuse_extras(event, None)
        key = self._text(event, None)
        if key == "<<" and event.implicit[0]:
            self._wrong(event, 'the merge key "<<" is not supported', _WRITE_OUT)
            return None
        if key in found:
            first = self.keys[(*path, key)].line if path is not None else 0
            where = f" (first in line {first})" if first else ""
            self._wrong(event, f"duplicate key {show(key)}{where}", "keep one of the two")
            return None
        return key

    def _scalar(self, event: yaml.Event, path: Path | None) -> Json:
        if not isinstance(event, yaml.ScalarEvent):
            return None  # an alias: already refused
        text = self._text(event, path)
        if not event.implicit[0]:
            return text  # quoted, or a block
        if text in _NULLS:
            return None
        if text in _BOOLS:
            return _BOOLS[text]
        return int(text) if _DECIMAL.fullmatch(text) else text

    def _text(self, event: yaml.ScalarEvent, path: Path | None) -> str:
        text = str(event.value)
        if _SURROGATE.search(text):
            remedy = "write the character itself"
            self._wrong(event, "half a character (a lone surrogate)", remedy, path)
        return text

    def _refuse_extras(self, event: yaml.Event, path: Path | None) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._wrong(event, "aliases (*name) are not supported", _WRITE_OUT, path)
            return
        if getattr(event, "anchor", None) is not None:
            self._wrong(event, "anchors (&name) are not supported", _WRITE_OUT)
        if getattr(event, "tag", None) is not None:
            self._wrong(event, "tags (!name) are not supported", "remove the tag", path)

    def _wrong(
        self, event: yaml.Event, message: str, remedy: str, opaque: Path | None = None
    ) -> None:
        spot = _spot(event)
        self.mistakes.append(Mistake(self.place, message, remedy, spot.line, spot.column))
        if opaque is not None:
            self.opaque.add(opaque)

    def _bound(self, event: yaml.Event, depth: int) -> None:
        self.nodes += 1
        if self.nodes > self.most:
            self._wrong(event, f"more than {self.most} values", "split the file")
            raise UserFault(*self.mistakes)
        if depth > YAML_DEPTH:
            self._wrong(event, f"nested deeper than {YAML_DEPTH} levels", "remove the nesting")
            raise UserFault(*self.mistakes)

    def _next(self) -> yaml.Event:
        try:
            return self.loader.get_event()
        except yaml.MarkedYAMLError as error:
            raise UserFault(*self.mistakes, self._syntax(error)) from None
        except (ValueError, OverflowError):
            # PyYAML hands \U escapes beyond Unicode and huge %YAML versions to chr() and int()
            mistake = Mistake(
                self.place,
                "an escape or a version that YAML does not have",
                "write the character itself",
                self.loader.line + 1,
                self.loader.column + 1,
            )
            raise UserFault(*self.mistakes, mistake) from None

    def _syntax(self, error: yaml.MarkedYAMLError) -> Mistake:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = ", ".join(str(p) for p in (error.context, error.problem) if p)
        if r"'\t'" in problem:
            return Mistake(
                self.place, "a tab stands where spaces belong", "use spaces only", line, column
            )
        remedy = "check indentation, colons and quotes here and in the line above"
        return Mistake(self.place, f"not YAML: {problem[:200]}", remedy, line, column)

    def _empty(self) -> Mistake:
        return Mistake(
            self.place,
            "the file is empty, or holds only comments",
            'start with "version: 1", then list servers and npubs',
            1,
            1,
        )


def _spot(event: yaml.Event) -> Spot:
    mark = event.start_mark
    return Spot(mark.line + 1, mark.column + 1) if mark else Spot(1, 1)
