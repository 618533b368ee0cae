"""JSON that says what it means.

Python's own decoder keeps the last of two equal keys, reads NaN, accepts a BOM and lone surrogates,
and dies of deep nesting. A peer could make us and another client read one event in two ways;
here all of that is the peer's fault.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from reconciler.errors import PeerFault
from reconciler.limits import JSON_DEPTH

Json = Any
"""What `json.loads` makes: dict, list, str, int, float, bool or None."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def loads(text: str | bytes, *, depth: int = JSON_DEPTH, floats: bool = False) -> Json:
    """Decode one JSON document, strictly.

    Args:
        text: str, or UTF-8 bytes without a BOM.
        depth: levels of nesting allowed.
        floats: whether fractions are allowed (NIP-01 events hold none).

    Raises:
        PeerFault: not UTF-8, a BOM, too deep, a key twice, NaN, a lone surrogate, or no JSON.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise PeerFault("not UTF-8") from None
    if text.startswith("\ufeff"):
        raise PeerFault("JSON starts with a byte order mark")
    _check_depth(text, depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_twins,
            parse_constant=_refuse,
            parse_float=float if floats else _refuse,
        )
    except (ValueError, RecursionError) as error:
        raise PeerFault(f"not JSON: {error}") from None
    _check_surrogates(text, value)
    return value


def dumps(value: Json) -> str:
    """The compact form that NIP-01 hashes: no spaces, nothing but the needed escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _check_depth(text: str, limit: int) -> None:
    """Count brackets outside strings, before the recursive decoder sees them."""
    level = 0
    for token in _TOKEN.finditer(text):
        char = text[token.start()]
        if char in "[{":
            level += 1
            if level > limit:
                raise PeerFault(f"JSON is nested deeper than {limit} levels")
        elif char in "]}":
            level -= 1


def _no_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same key twice")
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"the number {word[:20]} is not allowed here")


def _check_surrogates(text: str, value: Json) -> None:
    """A lone surrogate has no UTF-8 form, so it could not be hashed or sent on."""
    if not _SURROGATE.search(text):
        return
    try:
        dumps(value).encode("utf-8")
    except UnicodeEncodeError:
        raise PeerFault("JSON holds a lone surrogate") from None
