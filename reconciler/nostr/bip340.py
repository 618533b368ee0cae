"""BIP-340 Schnorr signatures over secp256k1.

libsecp256k1 (through `coincurve`) signs and verifies. Without its wheel `nostr.slowly` verifies,
and nobody signs. Lengths are checked here because coincurve reads past a short x-only key.
"""

from __future__ import annotations

from functools import lru_cache

from reconciler.errors import OurFault

try:
    import coincurve
except ImportError:  # no wheel on this platform: verification stays possible, signing does not
    from reconciler.nostr import slowly

    coincurve = None  # type: ignore[assignment]


@lru_cache(maxsize=2**16)
def verify(pubkey: bytes, digest: bytes, signature: bytes) -> bool:
    """Is this a valid BIP-340 signature? Sizes in bytes: 32, 32, 64; other sizes are invalid.

    Remembered by all three inputs: a fleet serves the same event once a server, and the answer
    depends on nothing else.
    """
    if (len(pubkey), len(digest), len(signature)) != (32, 32, 64):
        return False
    if coincurve is None:
        return slowly.verify(pubkey, digest, signature)
    try:
        return coincurve.PublicKeyXOnly(pubkey).verify(signature, digest)
    except ValueError:
        return False


def public_key(secret: bytes) -> bytes:
    """The 32-byte x-only public key of a 32-byte secret key."""
    return _private(secret).public_key_xonly.format()


def sign(secret: bytes, digest: bytes) -> bytes:
    """Sign a 32-byte digest with fresh auxiliary randomness; 64 bytes."""
    if len(digest) != 32:
        raise OurFault("BIP-340 signs 32-byte digests here")
    return _private(secret).sign_schnorr(digest)


def _private(secret: bytes) -> coincurve.PrivateKey:
    if coincurve is None:
        raise OurFault("no libsecp256k1 on this platform: signing needs the coincurve wheel")
    if len(secret) != 32:
        raise OurFault("a secret key has 32 bytes")
    return coincurve.PrivateKey(secret)
