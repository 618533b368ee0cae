"""NIP-44: the whole published file, the rows of the specification, and another implementation."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from pathlib import Path
from typing import Any

import nostr_sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OurFault, PeerFault
from reconciler.nostr import bip340
from reconciler.sign import nip44
from reconciler.sign.secret import Secret

DATA = (Path(__file__).parents[1] / "vectors" / "nip44.vectors.json").read_bytes()
FILE: dict[str, Any] = json.loads(DATA)["v2"]
VALID, INVALID = FILE["valid"], FILE["invalid"]
KEY = Secret(bytes.fromhex("c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d"))
NONCE = bytes(31) + b"\1"
SPECIFIED = {
    65_535: "6d8c2810d1e870fbaa1f0a0937126cca837a15f9260e27060c331d70a3c0bc84",
    65_536: "b7b4edb36ba92e267d322d56d9aebc22e7fa96ff52e3c12adc07f07a43cbc616",
    65_537: "eeb7c7c5373894ea2c1547cfd3ccb15d5a0b2d619da852e5c79df792dcc9e435",
}
"""Bytes of "a", and the payload's SHA-256 (NIP-44, "Extended length prefix test vectors")."""


def secret(text: str) -> Secret:
    return Secret(bytes.fromhex(text))


def test_the_file_is_the_published_one() -> None:
    assert hashlib.sha256(DATA).hexdigest().startswith("269ed0f6")
    assert hashlib.sha256(DATA).hexdigest().endswith("25040")
    assert [len(v) for v in VALID.values()] == [35, 2, 24, 10, 3]
    assert [len(v) for v in INVALID.values()] == [4, 8, 12]


@pytest.mark.parametrize("row", VALID["get_conversation_key"], ids=lambda r: r["sec1"][:8])
def test_conversation_keys_are_as_published(row: dict[str, str]) -> None:
    found = nip44.conversation_key(secret(row["sec1"]), row["pub2"])
    assert found.reveal().hex() == row["conversation_key"]


@pytest.mark.parametrize("row", VALID["get_message_keys"]["keys"], ids=lambda r: r["nonce"][:8])
def test_message_keys_are_as_published(row: dict[str, str]) -> None:
    shared = secret(VALID["get_message_keys"]["conversation_key"])
    found = nip44._keys(shared, bytes.fromhex(row["nonce"]))
    wanted = (row["chacha_key"], row["chacha_nonce"], row["hmac_key"])
    assert (found.cipher.hex(), found.nonce.hex(), found.mac.hex()) == wanted


@pytest.mark.parametrize(("length", "wanted"), VALID["calc_padded_len"])
def test_lengths_are_padded_as_published(length: int, wanted: int) -> None:
    assert nip44.padded(length) == wanted


@pytest.mark.parametrize("row", VALID["encrypt_decrypt"], ids=lambda r: r["nonce"][:8])
def test_messages_are_encrypted_and_decrypted_as_published(row: dict[str, str]) -> None:
    shared = secret(row["conversation_key"])
    other = bip340.public_key(bytes.fromhex(row["sec2"])).hex()
    assert nip44.conversation_key(secret(row["sec1"]), other).reveal() == shared.reveal()
    assert nip44.encrypt(shared, row["plaintext"], bytes.fromhex(row["nonce"])) == row["payload"]
    assert nip44.decrypt(shared, row["payload"]) == row["plaintext"]


@pytest.mark.parametrize("row", VALID["encrypt_decrypt_long_msg"], ids=lambda r: r["nonce"][:8])
def test_long_messages_are_encrypted_and_decrypted_as_published(row: dict[str, Any]) -> None:
    shared, text = secret(row["conversation_key"]), row["pattern"] * row["repeat"]
    assert hashlib.sha256(text.encode()).hexdigest() == row["plaintext_sha256"]
    payload = nip44.encrypt(shared, text, bytes.fromhex(row["nonce"]))
    assert hashlib.sha256(payload.encode()).hexdigest() == row["payload_sha256"]
    assert nip44.decrypt(shared, payload) == text


@pytest.mark.parametrize("length", SPECIFIED)
def test_the_extended_prefix_carries_long_messages(length: int) -> None:
    payload = nip44.encrypt(KEY, "a" * length, NONCE)
    assert hashlib.sha256(payload.encode()).hexdigest() == SPECIFIED[length]
    assert nip44.decrypt(KEY, payload) == "a" * length


@pytest.mark.parametrize("length", INVALID["encrypt_msg_lengths"])
def test_lengths_that_are_still_invalid(length: int) -> None:
    """Since June 2026 long messages are valid; ours end at a limit of our own."""
    if 0 < length <= 2 * 2**20:
        assert nip44.decrypt(KEY, nip44.encrypt(KEY, "a" * length, NONCE)) == "a" * length
        return
    with pytest.raises(OurFault):
        nip44.encrypt(KEY, "a" * length, NONCE)


@pytest.mark.parametrize("row", INVALID["get_conversation_key"], ids=lambda r: r["note"])
def test_a_key_that_is_none_is_refused(row: dict[str, str]) -> None:
    with pytest.raises((PeerFault, ValueError)):
        nip44.conversation_key(secret(row["sec1"]), row["pub2"])


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_keys_of_other_sizes(size: int) -> None:
    with pytest.raises(PeerFault):
        nip44.conversation_key(KEY, "02" * size)


@pytest.mark.parametrize("row", INVALID["decrypt"], ids=lambda r: r["note"])
def test_a_message_that_is_damaged_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(PeerFault):
        nip44.decrypt(secret(row["conversation_key"]), row["payload"])


@given(st.text(min_size=1, max_size=300), st.integers(0, 2**12))
def test_any_changed_bit_is_seen(text: str, bit: int) -> None:
    data = bytearray(base64.b64decode(nip44.encrypt(KEY, text, NONCE)))
    place = bit % (8 * len(data))
    data[place // 8] ^= 1 << place % 8
    with pytest.raises(PeerFault):
        nip44.decrypt(KEY, base64.b64encode(bytes(data)).decode())


@given(st.text(min_size=1, max_size=2000))
def test_another_implementation_reads_ours_and_we_read_its(text: str) -> None:
    theirs, ours = nostr_sdk.Keys.generate(), secrets.token_bytes(32)
    public = nostr_sdk.PublicKey.parse(bip340.public_key(ours).hex())
    shared = nip44.conversation_key(Secret(ours), theirs.public_key().to_hex())
    payload = nip44.encrypt(shared, text, secrets.token_bytes(32))
    assert nostr_sdk.nip44_decrypt(theirs.secret_key(), public, payload) == text
    version = nostr_sdk.Nip44Version.V2
    payload = nostr_sdk.nip44_encrypt(theirs.secret_key(), public, text, version)
    assert nip44.decrypt(shared, payload) == text


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_conversations_with_nostr_sdk() -> None:
    version = nostr_sdk.Nip44Version.V2
    for number in range(10_000):
        theirs, ours = nostr_sdk.Keys.generate(), secrets.token_bytes(32)
        public = nostr_sdk.PublicKey.parse(bip340.public_key(ours).hex())
        shared = nip44.conversation_key(Secret(ours), theirs.public_key().to_hex())
        text = secrets.token_hex(1 + number % 200)
        payload = nip44.encrypt(shared, text, secrets.token_bytes(32))
        assert nostr_sdk.nip44_decrypt(theirs.secret_key(), public, payload) == text
        payload = nostr_sdk.nip44_encrypt(theirs.secret_key(), public, text, version)
        assert nip44.decrypt(shared, payload) == text
