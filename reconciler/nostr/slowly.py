"""BIP-340 verification on the curve arithmetic of the pure-Python `ecdsa`.

That package is not side-channel safe (CVE-2024-23342), so it verifies only: where coincurve has no
wheel, and as the second opinion in tests.
"""

from __future__ import annotations

import hashlib

from ecdsa import SECP256k1
from ecdsa.ellipticcurve import Point

_P = SECP256k1.curve.p()
_N = SECP256k1.order


def verify(pubkey: bytes, message: bytes, signature: bytes) -> bool:
    """BIP-340 "Verification", step by step; as `bip340.verify` answers."""
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
