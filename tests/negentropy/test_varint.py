"""Numbers on the wire."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.nostr.negentropy.varint import decode, encode


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8100"), (300, "822c"), (2**32, "9080808000")],
)
def test_numbers_have_their_published_forms(number: int, text: str) -> None:
    assert encode(number).hex() == text
    assert decode(bytes.fromhex(text), 0) == (number, len(text) // 2)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_round_trip_in_the_middle(number: int, before: bytes, behind: bytes) -> None:
    data = encode(number)
    assert decode(before + data + behind, len(before)) == (number, len(before + data))


@pytest.mark.parametrize("text", ["", "80", "ffff", "82808080808080808000", "80" * 10 + "01"])
def test_cut_off_or_larger_than_64_bits(text: str) -> None:
    with pytest.raises(PeerFault):
        decode(bytes.fromhex(text), 0)


@given(st.binary(max_size=12), st.integers(0, 12))
def test_arbitrary_bytes_raise_only_peer_faults(data: bytes, start: int) -> None:
    with contextlib.suppress(PeerFault):
        number, end = decode(data, start)
        assert 0 <= number < 2**64
        assert start < end <= len(data)
