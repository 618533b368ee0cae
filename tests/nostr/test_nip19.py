"""NIP-19: the vectors of the specification, round trips, and what is refused."""

from __future__ import annotations

import contextlib

import nostr_sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.nostr import nip19

HEX = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"
NPUB = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
OTHER_HEX = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
OTHER_NPUB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
NPUBS = {HEX: NPUB, OTHER_HEX: OTHER_NPUB}
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
NSEC_HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"


@pytest.mark.parametrize("pubkey", NPUBS)
def test_public_keys_have_their_published_npubs(pubkey: str) -> None:
    assert nip19.npub(pubkey) == NPUBS[pubkey]
    assert nip19.pubkey(NPUBS[pubkey]) == nip19.pubkey(NPUBS[pubkey].upper()) == pubkey


def test_the_published_nsec_is_read_and_written() -> None:
    assert nip19.decode("nsec", NSEC).hex() == NSEC_HEX
    assert nip19.encode("nsec", bytes.fromhex(NSEC_HEX)) == NSEC


@given(st.sampled_from(["npub", "nsec", "a1b"]), st.binary(max_size=64))
def test_what_is_encoded_is_decoded_the_same(prefix: str, data: bytes) -> None:
    assert nip19.decode(prefix, nip19.encode(prefix, data)) == data


@given(st.integers(0, len(NPUB) - 1), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7lb1 "))
def test_every_changed_character_is_noticed(position: int, char: str) -> None:
    text = NPUB[:position] + char + NPUB[position + 1 :]
    if text != NPUB:
        with pytest.raises(PeerFault):
            nip19.pubkey(text)


BAD = [
    "",
    "npub",
    "npub1",
    "npub1qqqqqq",
    NPUB[1:],
    NPUB[:-1],
    NPUB + "q",
    NPUB[:9] + NPUB[9:].upper(),
    " " + NPUB,
    NPUB + "\n",
    NSEC,
    "npub1" + "é" * 58,
    nip19.encode("npub", bytes(31)),
    nip19.encode("npub", bytes(33)),
    NPUB.upper().replace("K", "\u212a"),
    HEX,
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_npub_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(PeerFault) as caught:
        nip19.pubkey(text)
    assert NSEC[5:] not in str(caught.value)


@given(st.text())
def test_arbitrary_text_raises_only_peer_faults(text: str) -> None:
    with contextlib.suppress(PeerFault):
        nip19.decode("npub", text)
    with contextlib.suppress(PeerFault):
        nip19.decode("nsec", "nsec1" + text)


@given(st.binary(min_size=32, max_size=32))
def test_rust_nostr_writes_the_same(data: bytes) -> None:
    with contextlib.suppress(nostr_sdk.NostrSdkError):  # not every number is a secret key
        theirs = nostr_sdk.SecretKey.from_bytes(data).to_bech32()
        assert nip19.encode("nsec", data) == theirs
