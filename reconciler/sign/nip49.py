"""NIP-49: secret keys under a passphrase (`ncryptsec1…`), to be read.

scrypt makes a key of the passphrase, XChaCha20-Poly1305 opens the secret with it. A wrong
passphrase and a changed text look the same.
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from reconciler.errors import PeerFault
from reconciler.limits import SCRYPT_LOG_N
from reconciler.nostr import nip19
from reconciler.sign.secret import Secret

PREFIX: Final = "ncryptsec"
_BYTES: Final = 91
_VERSION: Final = 2
_SLACK: Final = 16 * 2**20
"""What scrypt needs beside its table."""
_CONSTANTS: Final = struct.unpack("<4I", b"expand 32-byte k")


def decrypt(text: str, passphrase: str) -> Secret:
    """The secret key of an `ncryptsec1…` text.

    Raises:
        PeerFault: it is none, its work factor is out of bounds, or the passphrase does not open it.
            No message holds a part of either.
    """
    data = nip19.decode(PREFIX, text)
    if len(data) != _BYTES or data[0] != _VERSION:
        raise PeerFault(f"{PREFIX}: another version than {_VERSION}")
    log_n = data[1]
    if log_n not in SCRYPT_LOG_N:
        raise PeerFault(f"{PREFIX}: a work factor of 2^{log_n}, which is out of bounds")
    salt, nonce, extra, sealed = data[2:18], data[18:42], data[42:43], data[43:]
    key = hashlib.scrypt(
        unicodedata.normalize("NFKC", passphrase).encode("utf-8"),
        salt=salt,
        n=2**log_n,
        r=8,
        p=1,
        maxmem=128 * 8 * 2**log_n + _SLACK,
        dklen=32,
    )
    try:
        return Secret(_open(key, nonce, sealed, extra))
    except InvalidTag:
        raise PeerFault(f"{PREFIX}: the passphrase does not open it") from None


def _open(key: bytes, nonce: bytes, sealed: bytes, extra: bytes) -> bytes:
    """XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, section 2.3)."""
    inner = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    return inner.decrypt(bytes(4) + nonce[16:], sealed, extra)


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The key that XChaCha20 derives (the same draft, section 2.2): ChaCha20's state after its
    rounds, which is its block less the state that it began with."""
    block = Cipher(ChaCha20(key, nonce), None).encryptor().update(bytes(64))
    words = struct.unpack("<16I", block)
    began = (*_CONSTANTS, *struct.unpack("<4I", nonce))
    ended = (*words[:4], *words[12:])
    return struct.pack("<8I", *((a - b) % 2**32 for a, b in zip(ended, began, strict=True)))
