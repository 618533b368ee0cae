"""BIP-340: the published vectors, for both implementations, and the two against each other."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import OurFault
from reconciler.nostr import bip340

FILE = Path(__file__).parents[1] / "vectors" / "bip340.csv"
VECTORS = list(csv.DictReader(FILE.read_text().splitlines()))
Judge = Callable[[bytes, bytes, bytes], bool]
JUDGES: list[Judge] = [bip340.verify, bip340.verify_slowly]
KEY = bytes(31) + b"\3"


def test_all_vectors_are_there() -> None:
    assert len(VECTORS) == 15


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["index"])
def test_every_judge_agrees_with_the_published_vectors(
    judge: Judge, vector: dict[str, str]
) -> None:
    key, message, signature = (
        bytes.fromhex(vector[name]) for name in ("public key", "message", "signature")
    )
    assert judge(key, message, signature) == (vector["verification result"] == "TRUE")


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["secret key"]], ids=lambda v: v["index"]
)
def test_public_keys_of_the_vectors(vector: dict[str, str]) -> None:
    assert (
        bip340.public_key(bytes.fromhex(vector["secret key"])).hex() == vector["public key"].lower()
    )


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("sizes", [(31, 32, 64), (33, 32, 64), (32, 31, 64), (32, 33, 64),
                                   (32, 32, 63), (32, 32, 65), (0, 0, 0)])  # fmt: skip
def test_other_sizes_are_invalid(judge: Judge, sizes: tuple[int, int, int]) -> None:
    assert not judge(b"\2" * sizes[0], b"\2" * sizes[1], b"\2" * sizes[2])


@settings(max_examples=settings().max_examples // 3)  # the slow judge takes 10 ms each time
@given(st.binary(min_size=32, max_size=32), st.integers(0, 511))
def test_both_agree_on_right_and_flipped_signatures(digest: bytes, bit: int) -> None:
    key, signature = bip340.public_key(KEY), bip340.sign(KEY, digest)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    for judge in JUDGES:
        assert judge(key, digest, signature)
        assert not judge(key, digest, bytes(flipped))


def test_what_is_our_own_fault() -> None:
    with pytest.raises(OurFault):
        bip340.sign(KEY, b"short")
    with pytest.raises(OurFault):
        bip340.public_key(b"short")
