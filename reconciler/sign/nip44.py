"""NIP-44 version 2: what a client and its remote signer say to each other, encrypted.

ECDH on secp256k1 (libsecp256k1), HKDF, ChaCha20 and HMAC-SHA256 (the `cryptography` package and the
standard library). A message that does not hold is a PeerFault, whatever is wrong with it; the MAC
is compared in constant time, before anything is decrypted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from reconciler.errors import OurFault, PeerFault
from reconciler.limits import NIP44_BYTES
from reconciler.nostr import bip340
from reconciler.sign.secret import Secret

NONCE_BYTES = 32
_VERSION = 2
_EXTENDED = 2**16
"""Plaintexts from here on have a prefix of 6 bytes (since June 2026; older peers refuse them)."""
_LEAST_PAYLOAD = 99


@dataclass(frozen=True, slots=True)
class _Keys:
    cipher: bytes
    nonce: bytes
    mac: bytes


def conversation_key(secret: Secret, pubkey: str) -> Secret:
    """The key that two people share, whichever of them works it out.

    Args:
        secret: one's own.
        pubkey: the other's, hex.

    Raises:
        PeerFault: that is no public key.
    """
    try:
        shared = bip340.shared_x(secret.reveal(), bytes.fromhex(pubkey))
    except ValueError:
        raise PeerFault("the peer's key is not on the curve") from None
    return Secret(hmac.digest(b"nip44-v2", shared, hashlib.sha256))


def encrypt(key: Secret, text: str, nonce: bytes) -> str:
    """The payload of a message. `nonce` is 32 fresh random bytes, never used again.

    Raises:
        OurFault: the text is empty, or too long, or the nonce is none.
    """
    plain = text.encode("utf-8")
    if len(nonce) != NONCE_BYTES or not 0 < len(plain) <= NIP44_BYTES:
        raise OurFault("NIP-44 encrypts from 1 byte on, with a nonce of 32 bytes")
    keys = _keys(key, nonce)
    sealed = _chacha(keys, _pad(plain))
    mac = hmac.digest(keys.mac, nonce + sealed, hashlib.sha256)
    return base64.b64encode(bytes([_VERSION]) + nonce + sealed + mac).decode("ascii")


def decrypt(key: Secret, payload: str) -> str:
    """The message of a payload. Raises PeerFault."""
    nonce, sealed, mac = _parts(payload)
    keys = _keys(key, nonce)
    if not hmac.compare_digest(mac, hmac.digest(keys.mac, nonce + sealed, hashlib.sha256)):
        raise PeerFault("the message's MAC is wrong")
    try:
        return _unpad(_chacha(keys, sealed)).decode("utf-8")
    except UnicodeDecodeError:
        raise PeerFault("the message is not UTF-8") from None


def padded(length: int) -> int:
    """Bytes that a plaintext of `length` bytes is padded to."""
    if length <= 32:
        return 32
    power = 1 << (length - 1).bit_length()
    chunk = max(32, power // 8)
    return chunk * ((length - 1) // chunk + 1)


def _parts(payload: str) -> tuple[bytes, bytes, bytes]:
    """Nonce, ciphertext and MAC. Raises PeerFault."""
    if payload.startswith("#"):
        raise PeerFault("the message is of an unknown version")
    if len(payload) > 2 * NIP44_BYTES:
        raise PeerFault(f"the message is longer than {NIP44_BYTES} bytes")
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise PeerFault("the message is not base64") from None
    if len(data) < _LEAST_PAYLOAD:
        raise PeerFault("the message is too short")
    if data[0] != _VERSION:
        raise PeerFault("the message is of an unknown version")
    return data[1:33], data[33:-32], data[-32:]


def _keys(key: Secret, nonce: bytes) -> _Keys:
    data = HKDFExpand(SHA256(), 76, nonce).derive(key.reveal())
    return _Keys(data[:32], data[32:44], data[44:])


def _chacha(keys: _Keys, data: bytes) -> bytes:
    counter = bytes(4)
    return Cipher(ChaCha20(keys.cipher, counter + keys.nonce), None).encryptor().update(data)


def _pad(plain: bytes) -> bytes:
    size = len(plain)
    prefix = size.to_bytes(2) if size < _EXTENDED else bytes(2) + size.to_bytes(4)
    return prefix + plain + bytes(padded(size) - size)


def _unpad(data: bytes) -> bytes:
    """Raises PeerFault: the padding is not exactly the one that belongs to the length."""
    size, start = int.from_bytes(data[:2]), 2
    if size == 0:
        size, start = int.from_bytes(data[2:6]), 6
        if size < _EXTENDED:
            raise PeerFault("the message's padding is wrong")
    plain = data[start : start + size]
    if len(plain) != size or len(data) != start + padded(size) or any(data[start + size :]):
        raise PeerFault("the message's padding is wrong")
    return plain
