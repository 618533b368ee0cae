"""NIP-19 `npub` and `nsec` (bech32, BIP-173). Text in, 32 bytes out, and back."""

from __future__ import annotations

from functools import lru_cache

from reconciler.errors import PeerFault

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def encode(prefix: str, data: bytes) -> str:
    """`data` as bech32 with the human-readable part `prefix`."""
    words = _regroup(data, 8, 5, pad=True)
    check = _polymod([*_expand(prefix), *words, 0, 0, 0, 0, 0, 0]) ^ 1
    tail = [(check >> 5 * (5 - i)) & 31 for i in range(6)]
    return prefix + "1" + "".join(_ALPHABET[w] for w in [*words, *tail])


def decode(prefix: str, text: str) -> bytes:
    """The data of a bech32 text that must have the human-readable part `prefix`.

    Raises:
        PeerFault: mixed case, another prefix, a bad character or checksum. The text itself is
            never part of the message: it may be a secret key.
    """
    if not text.isascii():  # lower() maps the Kelvin sign to k
        raise PeerFault(f"{prefix}: holds a character that bech32 does not have")
    if text.lower() != text and text.upper() != text:
        raise PeerFault(f"{prefix}: mixes upper and lower case (BIP-173)")
    head, separator, tail = text.lower().rpartition("1")
    if not separator or head != prefix:
        raise PeerFault(f"does not start with {prefix}1")
    try:
        words = [_ALPHABET.index(char) for char in tail]
    except ValueError:
        raise PeerFault(f"{prefix}: holds a character that bech32 does not have") from None
    if len(words) < 6 or _polymod([*_expand(prefix), *words]) != 1:
        raise PeerFault(f"{prefix}: the checksum is wrong, so a character is wrong or missing")
    return _regroup_bytes(words[:-6], prefix)


@lru_cache(maxsize=2**12)
def npub(pubkey: str) -> str:
    """The npub of a 64-digit hex pubkey; remembered, because each of a clone URL's uses asks."""
    return encode("npub", bytes.fromhex(pubkey))


def pubkey(text: str) -> str:
    """The hex pubkey of an npub.

    Raises:
        PeerFault: not an npub of 32 bytes.
    """
    data = decode("npub", text)
    if len(data) != 32:
        raise PeerFault("npub: holds not 32 bytes")
    return data.hex()


def _regroup_bytes(words: list[int], prefix: str) -> bytes:
    bits = len(words) * 5
    if bits % 8 >= 5 or (words and words[-1] & ((1 << bits % 8) - 1)):
        raise PeerFault(f"{prefix}: the padding is wrong (BIP-173)")
    return bytes(_regroup(bytes(words), 5, 8, pad=False))


def _regroup(data: bytes, size: int, target: int, *, pad: bool) -> list[int]:
    value = bits = 0
    out = []
    for item in data:
        value, bits = (value << size) | item, bits + size
        while bits >= target:
            bits -= target
            out.append((value >> bits) & ((1 << target) - 1))
        value &= (1 << bits) - 1
    if pad and bits:
        out.append((value << (target - bits)) & ((1 << target) - 1))
    return out


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(_GENERATOR):
            check ^= generator if (top >> i) & 1 else 0
    return check
