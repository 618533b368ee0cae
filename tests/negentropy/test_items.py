"""The sorted set: order, search, bounds and fingerprints."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given

from reconciler.errors import OurFault
from reconciler.nostr.negentropy.items import INFINITY, ZERO, Items, items
from reconciler.nostr.negentropy.varint import encode

from .kit import Pair, pairs, two_sets

# Published with the Kotlin implementation (vitorpamplona/negentropy-kmp, FingerprintTest).
FIRST = (1678011277, "eb6b05c2e3b008592ac666594d78ed83e7b9ab30f825b9b08878128f7500008c")
SECOND = (1678011278, "39b916432333e069a4386917609215cc688eb99f06fed01aadc29b1b4b92d6f0")
THIRD = (1678011279, "abc81d58ebe3b9a87100d47f58bf15e9b1cbf62d38623f11d0f0d17179f5f3ba")
SIX = [
    (1677981601, "224236bff9fe9c02bdeb5a13b21051696f41a18a0ee889f4b492d3341b2fe339"),
    (1677981602, "3b99e1577caeb4d91059af0f8e64086934f9ca3eb08b61512b459075a3efd663"),
    (1677981602, "b60a884b322338fc2b53b8ff34ed277b17397c3b3401b9e151c7e77a7c15e5fd"),
    (1677981602, "e017a826f007171d780fda221da8ea1b9c6ec5ff69a4dc40198630e7b780a423"),
    (1677981603, "e6753c53540b91d3483521b00da5593fc4d871b6a0dba04ab38ad900441deca0"),
    (1677981604, "90e29d9b1c37333a25ad02a478cf356e493da355490baa860cfb16c9bd067cda"),
]


@pytest.mark.parametrize(
    ("held", "fingerprint"),
    [
        ([FIRST], "6d74e1212fcafc8a81d090f0ffbde8b0"),
        ([SECOND, FIRST], "96b26d110825d4b1805fc56988a3e65d"),
        ([THIRD, FIRST, SECOND], "c15ce60f185fd24ae341076caa93daa5"),
        (SIX[::-1], "f3973242b814fe584299c94d71ae4d50"),
    ],
)
def test_fingerprints_are_as_published_whatever_the_order(
    held: list[Pair], fingerprint: str
) -> None:
    assert items(held).fingerprint(0, len(held)).hex() == fingerprint


@given(two_sets())
def test_fingerprints_of_ranges_are_those_of_the_definition(two: tuple[list[Pair], object]) -> None:
    held = items(two[0])
    for lower, upper in ((0, len(held)), (len(held) // 3, len(held) // 2), (0, 0)):
        numbers = (int.from_bytes(one, "little") for one in held.ids(lower, upper))
        total = (sum(numbers) % 2**256).to_bytes(32, "little")
        expected = hashlib.sha256(total + encode(upper - lower)).digest()[:16]
        assert held.fingerprint(lower, upper) == expected


def test_items_stand_by_time_and_then_by_id() -> None:
    held = items([(2, "00" * 32), (1, "ff" * 32), (1, "0f" + "00" * 31), (256, "11" * 32)])
    assert [key[:8] + key[8:9] for key in held.keys] == [
        bytes(7) + b"\1\x0f",
        bytes(7) + b"\1\xff",
        bytes(7) + b"\2\0",
        bytes(6) + b"\1\0\x11",
    ]
    assert held.find(ZERO) == 0
    assert held.find(bytes(7) + b"\1\xff") == 1
    assert held.find(bytes(7) + b"\2") == held.find(bytes(7) + b"\2", 1) == 2
    assert held.find(INFINITY) == len(held) == 4


@given(two_sets())
def test_bounds_part_neighbours_with_as_few_bytes_as_possible(
    two: tuple[list[Pair], object],
) -> None:
    held = items(two[0])
    for position in range(1, len(held)):
        bound = held.between(position)
        assert held.keys[position - 1] < bound <= held.keys[position]
        assert len(bound) == 8 or bound[:-1] <= held.keys[position - 1]


@pytest.mark.parametrize(
    "held",
    [
        [FIRST, FIRST],
        [(-1, "00" * 32)],
        [(2**64, "00" * 32)],
        [(2**64 - 1, "00" * 32)],
        [(1, "00" * 31)],
        [(1, "00" * 33)],
        [(1, "zz" * 32)],
        [(1, "")],
    ],
)
def test_what_is_no_item(held: list[Pair]) -> None:
    with pytest.raises(OurFault):
        items(held)


def test_an_empty_set_has_a_fingerprint() -> None:
    assert items([]) == Items((), (0,))
    assert items(pairs(0)).fingerprint(0, 0) == hashlib.sha256(bytes(33)).digest()[:16]
