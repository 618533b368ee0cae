"""JSON that says what it means, and nothing else."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.limits import JSON_DEPTH
from reconciler.nostr.strictjson import Json, dumps, loads

GOOD: dict[str, Json] = {
    "[]": [],
    ' {"a" : [1, -2, null, true, "x"]} ': {"a": [1, -2, None, True, "x"]},
    '"\\ud83d\\ude00"': "😀",
    '"[[[[[[[[[["': "[[[[[[[[[[",
    '"\\"[[[[[[[[[["': '"[[[[[[[[[[',
    '"é"': "é",
    "1": 1,
    '"\\\\ud800"': "\\ud800",
    "[" * JSON_DEPTH + "]" * JSON_DEPTH: [[[[[[[[]]]]]]]],
    '{"a":1,"A":2}': {"a": 1, "A": 2},
}
BAD: dict[str, str | bytes] = {
    "empty": "",
    "two": "1 2",
    "twins": '{"a":1,"a":1}',
    "inner twins": '[{"a":{"b":1,"b":2}}]',
    "escaped twins": '{"a":1,"\\u0061":2}',
    "nan": "NaN",
    "infinity": "[Infinity]",
    "minus": "-Infinity",
    "bom": "\ufeff[]",
    "bom bytes": b"\xef\xbb\xbf[]",
    "utf-16": "[]".encode("utf-16"),
    "latin": b'"\xe9"',
    "deep": "[" * (JSON_DEPTH + 1) + "]" * (JSON_DEPTH + 1),
    "deep objects": '{"a":' * 20 + "1" + "}" * 20,
    "very deep": "[" * 100_000,
    "closed first": "]" * 9 + "[" * 20_000,
    "open text": '"' + "[" * 100_000,
    "surrogate": '"\\ud800"',
    "low surrogate": '["\\uDFFF"]',
    "surrogate key": '{"\\ud800":1}',
    "raw surrogate": '"\ud800"',
    "surrogate bytes": b'"\xed\xa0\x80"',
    "swapped pair": '"\\ude00\\ud83d"',
    "float": "1.5",
    "exponent": "[1e3]",
    "huge": "1" * 5_000,
    "single": "'a'",
    "comma": "[1,]",
    "tab": '"\t"',
    "control": '"\x00"',
    "comment": "[] // x",
    "hex": "0x1",
    "zero": "01",
    "plus": "+1",
}


@pytest.mark.parametrize("text", GOOD)
def test_what_is_good_json_is_read(text: str) -> None:
    assert loads(text) == loads(text.encode()) == GOOD[text]


@pytest.mark.parametrize("name", BAD)
def test_what_two_readers_could_read_in_two_ways_is_refused(name: str) -> None:
    with pytest.raises(PeerFault):
        loads(BAD[name])


def test_fractions_where_they_are_allowed() -> None:
    assert loads("[1.5, 1e3]", floats=True) == [1.5, 1000.0]
    with pytest.raises(PeerFault):
        loads("NaN", floats=True)


def test_numbers_and_truths_stay_apart() -> None:
    assert [type(v) for v in loads("[1, true]")] == [int, bool]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["a", {"b": 1}], '["a",{"b":1}]'),
        ("é😀", '"é😀"'),
        ('\n\t"\\\r\b\f', '"\\n\\t\\"\\\\\\r\\b\\f"'),
        ("/", '"/"'),
        ("\x7f\u2028", '"\x7f\u2028"'),
        ((1, ()), "[1,[]]"),
    ],
)
def test_the_form_that_is_hashed(value: Json, text: str) -> None:
    assert dumps(value) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_is_written_is_read_back_the_same(value: Json) -> None:
    assert loads(dumps(value), depth=64) == value
    assert loads(json.dumps(value), depth=64) == value


@given(st.text() | st.binary() | st.text(alphabet='[]{}",:\\u0dD8f\n1'))
def test_arbitrary_text_raises_only_peer_faults(text: str | bytes) -> None:
    with contextlib.suppress(PeerFault):
        dumps(loads(text)).encode()
