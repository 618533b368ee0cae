"""BIP-340 Schnorr signatures over secp256k1.

libsecp256k1 (through `coincurve`) signs and verifies. The pure-Python `ecdsa` package is not
side-channel safe (CVE-2024-23342), so it verifies only: where coincurve has no wheel, and as the
second opinion in tests. Lengths are checked here because coincurve reads past a short x-only key.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from ecdsa import SECP256k1
from ecdsa.ellipticcurve import Point

from reconciler.errors import OurFault

try:
    import coincurve
except ImportError:  # no wheel on this platform: verification stays possible, signing does not
    coincurve = None  # type: ignore[assignment]

_P = SECP256k1.curve.p()
_N = SECP256k1.order


@lru_cache(maxsize=2**16)
def verify(pubkey: bytes, message: bytes, signature: bytes) -> bool:
    """Is this a valid BIP-340 signature? A key has 32 bytes and a signature 64, other sizes are
    invalid; a message has any size, and that of an event is its id, 32 bytes.

    Remembered by all three inputs: a fleet serves the same event once a server, and the answer
    depends on nothing else.
    """
    if (len(pubkey), len(signature)) != (32, 64):
        return False
    if coincurve is None:
        return verify_slowly(pubkey, message, signature)
    try:
        return coincurve.PublicKeyXOnly(pubkey).verify(signature, message)
    except ValueError:
        return False


def verify_slowly(pubkey: bytes, message: bytes, signature: bytes) -> bool:
    """BIP-340 "Verification", step by step, on `ecdsa`'s curve arithmetic."""
    if (len(pubkey), len(signature)) != (32, 64):
        return False
    key = _lift_x(int.from_bytes(pubkey, "big"))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if key is None or r >= _P or s >= _N:
        return False
    tagged = _tagged_hash(b"BIP0340/challenge", signature[:32] + pubkey + message)
    e = int.from_bytes(tagged, "big") % _N
    generator = Point(SECP256k1.curve, SECP256k1.generator.x(), SECP256k1.generator.y(), _N)
    point = generator * s + key * ((_N - e) % _N)
    if point.x() is None:
        return False
    return bool(point.y() % 2 == 0 and point.x() == r)


def public_key(secret: bytes) -> bytes:
    """The 32-byte x-only public key of a 32-byte secret key."""
    return _private(secret).public_key_xonly.format()


def sign(secret: bytes, digest: bytes) -> bytes:
    """Sign a 32-byte digest with fresh auxiliary randomness; 64 bytes."""
    if len(digest) != 32:
        raise OurFault("BIP-340 signs 32-byte digests here")
    return _private(secret).sign_schnorr(digest)


def shared_x(secret: bytes, pubkey: bytes) -> bytes:
    """The x of the point that two keys share, not hashed (NIP-44: "unhashed 32-byte x coordinate").

    Raises:
        ValueError: the pubkey has not 32 bytes, or is not on the curve.
    """
    if len(pubkey) != 32:
        raise ValueError("a public key has 32 bytes")
    private = _private(secret)
    return coincurve.PublicKey(b"\2" + pubkey).multiply(private.secret).format()[1:]


def _private(secret: bytes) -> coincurve.PrivateKey:
    if coincurve is None:
        raise OurFault("no libsecp256k1 on this platform: signing needs the coincurve wheel")
    if len(secret) != 32:
        raise OurFault("a secret key has 32 bytes")
    return coincurve.PrivateKey(secret)


def _lift_x(x: int) -> Point | None:
    if x >= _P:
        return None
    square = (pow(x, 3, _P) + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if pow(y, 2, _P) != square:
        return None
    return Point(SECP256k1.curve, x, y if y % 2 == 0 else _P - y, _N)


def _tagged_hash(tag: bytes, message: bytes) -> bytes:
    prefix = hashlib.sha256(tag).digest()
    return hashlib.sha256(prefix + prefix + message).digest()
