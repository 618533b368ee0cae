"""BIP-340: the published vectors, for both implementations, and the two against each other."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import nostr_sdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import OurFault
from reconciler.nostr import bip340, slowly
from reconciler.nostr.event import Draft, seal, verify_text

FILE = Path(__file__).parents[1] / "vectors" / "bip340.csv"
VECTORS = list(csv.DictReader(FILE.read_text().splitlines()))
Judge = Callable[[bytes, bytes, bytes], bool]
JUDGES: list[Judge] = [bip340.verify, slowly.verify]
KEY = bytes(31) + b"\3"


def test_all_vectors_are_there() -> None:
    assert len(VECTORS) == 19


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
@pytest.mark.parametrize("sizes", [(31, 32, 64), (33, 32, 64), (1, 32, 64), (64, 32, 64),
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


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_signatures_of_ours_hold_for_ecdsa_and_nostr_sdk() -> None:
    for _ in range(10_000):
        key, digest = secrets.token_bytes(32), secrets.token_bytes(32)
        public, signature = bip340.public_key(key), bip340.sign(key, digest)
        assert bip340.verify(public, digest, signature)
        assert slowly.verify(public, digest, signature)
        other = digest[:-1] + bytes([digest[-1] ^ 1])
        assert not slowly.verify(public, other, signature)
        assert nostr_sdk.Keys.parse(key.hex()).public_key().to_hex() == public.hex()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_events_of_nostr_sdk_hold_here_and_ours_there() -> None:
    for number in range(10_000):
        keys = nostr_sdk.Keys.generate()
        theirs = nostr_sdk.EventBuilder(nostr_sdk.Kind(1), f"{number} é 🔑").finalize(keys)
        event = verify_text(theirs.as_json())
        secret = bytes.fromhex(keys.secret_key().to_hex())
        draft = Draft(event.pubkey, number, 30618, (("d", f"w{number}"),))
        ours = seal(draft, bip340.sign(secret, bytes.fromhex(draft.id)))
        assert nostr_sdk.Event.from_json(json.dumps(ours.to_json())).verify()
