"""Does the document fit its schema? Every deviation becomes a mistake that a person can act on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from jsonschema import Draft202012Validator

from reconciler import schemas
from reconciler.desired.places import Path, Tree
from reconciler.desired.wording import name, one_of, show, suggest
from reconciler.errors import Mistake
from reconciler.nostr.strictjson import Json

Finding = tuple[Path, Mistake]
"""What is wrong, and the path below which nothing can be used."""

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys",
}
_KINDS = {
    str: "text",
    int: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping of keys",
    type(None): "empty",
}


@dataclass(frozen=True, slots=True)
class _Deviation:
    """jsonschema's error, as far as it is used: `value` stands where the schema wanted `wanted`."""

    path: Path
    wanted: Json
    value: Json
    schema: Json
    message: str


def check(tree: Tree) -> Iterator[Finding]:
    """All deviations from the schema, apart from the names of `repositories` (see `meaning`)."""
    for error in _validator().iter_errors(tree.value):
        path = tuple(error.absolute_path)
        if tree.is_opaque(path) or "propertyNames" in error.absolute_schema_path:
            continue
        wrong = _Deviation(path, error.validator_value, error.instance, error.schema, error.message)
        yield from _HANDLERS[str(error.validator)](tree, wrong)


def prune(value: Json, bad: frozenset[Path], path: Path = ()) -> Json:
    """The value with None at every bad path, so that the rest can still be looked at."""
    if path in bad:
        return None
    if isinstance(value, dict):
        return {key: prune(item, bad, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [prune(item, bad, (*path, i)) for i, item in enumerate(value)]
    return value


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schemas.load("desired-state"))


def _unknown_keys(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    known = list(wrong.schema["properties"])
    for key in wrong.value:
        if key in known:
            continue
        inside = f" in {name(wrong.path)}" if wrong.path else ""
        remedy = one_of(key, known, "known keys here")
        below = (*wrong.path, key)
        yield below, tree.at_key(below, f"unknown key {show(key)}{inside}", remedy)


def _missing_keys(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    """jsonschema reports each missing key apart; the word stands only in its message."""
    for key in wrong.wanted:
        if key not in wrong.value and wrong.message.startswith(repr(key)):
            known = wrong.schema["properties"]
            if any(suggest(other, known) == key for other in wrong.value.keys() - known.keys()):
                continue  # misspelled: the unknown key is reported, with this one as its remedy
            example = _example(known[key], (key,))
            message = f"{name(wrong.path)} lacks the key {show(key)}"
            yield (*wrong.path, key), tree.at_value(wrong.path, message, f"add it, {example}")


def _wrong_type(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    wanted = wrong.wanted
    kinds = [wanted] if isinstance(wanted, str) else list(wanted)
    expected = " or ".join(_TYPES[kind] for kind in kinds)
    message = f"{name(wrong.path)} must be {expected}, not {_KINDS[type(wrong.value)]}"
    yield wrong.path, tree.at_value(wrong.path, message, _retype(wrong, kinds))


def _retype(wrong: _Deviation, kinds: list[str]) -> str:
    value = wrong.value
    if kinds == ["boolean"]:
        return "write true or false, in lower case and without quotes"
    if isinstance(value, str) and "integer" in kinds:
        return "write decimal digits without quotes or leading zeros"
    if isinstance(value, bool | int) and "string" in kinds:
        return f'put it in quotes: "{json.dumps(value)}"'
    return _example(wrong.schema, wrong.path)


def _not_listed(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    if not isinstance(wrong.value, str):
        return  # the type is reported apart
    message = f"{name(wrong.path)} cannot be {show(wrong.value)}"
    remedy = one_of(wrong.value, wrong.wanted, "known words here")
    yield wrong.path, tree.at_value(wrong.path, message, remedy)


def _wrong_version(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    if type(wrong.value) is not int:
        return  # the type is reported apart
    message = f"version {wrong.value} is not supported"
    yield (
        wrong.path,
        tree.at_value(wrong.path, message, f"this program reads version {wrong.wanted}"),
    )


def _out_of_range(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    schema = wrong.schema
    low, high = schema.get("minimum"), schema.get("maximum")
    span = f"from {low} to {high}" if high is not None else f"of at least {low}"
    message = f"{name(wrong.path)} is {wrong.value}, which is out of range"
    yield wrong.path, tree.at_value(wrong.path, message, f"write a number {span}")


def _empty(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    remedy = f"remove it, or fill it, {_example(wrong.schema, wrong.path)}"
    yield wrong.path, tree.at_value(wrong.path, f"{name(wrong.path)} is empty", remedy)


def _too_long(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    message = f"{name(wrong.path)} is longer than {wrong.wanted} characters"
    yield wrong.path, tree.at_value(wrong.path, message, "shorten it")


def _repeated(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, item in enumerate(wrong.value):
        if (shown := json.dumps(item)) in seen:
            path = (*wrong.path, number)
            message = f"{name(path)} stands in the list twice"
            yield path, tree.at_value(path, message, "keep one of the two")
        seen.add(shown)


def _no_match(tree: Tree, wrong: _Deviation) -> Iterator[Finding]:
    message = f"{name(wrong.path)} cannot be {show(str(wrong.value))}"
    yield wrong.path, tree.at_value(wrong.path, message, wrong.schema["patternErrorMessage"])


def _example(schema: dict[str, Json], path: Path) -> str:
    if "examples" not in schema:
        return f"see the description of {name(path[:-1])}"
    key = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    return f"for example: {key}{json.dumps(schema['examples'][0])}"


_HANDLERS: dict[str, Callable[[Tree, _Deviation], Iterator[Finding]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "type": _wrong_type,
    "enum": _not_listed,
    "const": _wrong_version,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minItems": _empty,
    "minProperties": _empty,
    "minLength": _empty,
    "maxLength": _too_long,
    "uniqueItems": _repeated,
    "pattern": _no_match,
}
"""One entry for each keyword that the schema uses; a test keeps the two together."""
