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
def verify(pubkey: bytes, message: bytes, signature: bytes) -> bool:
    """Is this a valid BIP-340 signature? A key has 32 bytes and a signature 64, other sizes are
    invalid; a message has any size, and that of an event is its id, 32 bytes.

    Remembered by all three inputs: a fleet serves the same event once a server, and the answer
    depends on nothing else.
    """
    if (len(pubkey), len(signature)) != (32, 64):
        return False
    if coincurve is None:
        return slowly.verify(pubkey, message, signature)
    try:
        return coincurve.PublicKeyXOnly(pubkey).verify(signature, message)
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
