"""NIP-49: the published vectors, another implementation, and everything that must not open."""

from __future__ import annotations

import unicodedata

import nostr_sdk
import pytest

from reconciler.errors import PeerFault
from reconciler.nostr import nip19
from reconciler.sign import nip49

TEXT = (
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623"
    "nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
)
KEY = "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683"


def test_the_published_key_is_decrypted_with_its_password() -> None:
    assert nip49.decrypt(TEXT, "nostr").reveal().hex() == KEY


def test_the_published_normal_form() -> None:
    given = "\u212b\u2126\u1e9b\u0323"
    wanted = bytes.fromhex("c385cea9e1b9a9")
    assert unicodedata.normalize("NFKC", given).encode() == wanted


def test_hchacha20_is_the_draft_s() -> None:
    """draft-irtf-cfrg-xchacha-03, section 2.2.1."""
    key = bytes(range(32))
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    wanted = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert nip49.hchacha20(key, nonce).hex() == wanted


SLOW = pytest.mark.long
"""Each opening costs a sixth of a second, as NIP-49 wants it: the quick run tries a few."""


@pytest.mark.parametrize(
    "passphrase",
    [
        pytest.param("x", marks=SLOW),
        pytest.param("pass word", marks=SLOW),
        pytest.param("ünïcode 🔑", marks=SLOW),
        "\u212b\u2126\u1e9b\u0323",
    ],
)
def test_what_another_implementation_wrote(passphrase: str) -> None:
    keys = nostr_sdk.Keys.generate()
    security = nostr_sdk.KeySecurity.UNKNOWN
    sealed = nostr_sdk.EncryptedSecretKey(keys.secret_key(), passphrase, 16, security)
    found = nip49.decrypt(sealed.to_bech32(), passphrase)
    assert found.reveal().hex() == keys.secret_key().to_hex()


def altered(place: int, value: int) -> str:
    data = bytearray(nip19.decode("ncryptsec", TEXT))
    data[place] = value
    return nip19.encode("ncryptsec", bytes(data))


@pytest.mark.parametrize("log_n", [0, 1, 15, 21, 22, 255])
def test_work_factors_out_of_bounds_are_refused_before_any_work(log_n: int) -> None:
    with pytest.raises(PeerFault, match="out of bounds"):
        nip49.decrypt(altered(1, log_n), "nostr")


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT[:-1] + "q",
        "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
        nip19.encode("ncryptsec", bytes(91)),
        nip19.encode("ncryptsec", b"\2\x10" + bytes(88)),
    ],
)
def test_what_is_no_encrypted_key(text: str) -> None:
    with pytest.raises(PeerFault):
        nip49.decrypt(text, "nostr")


@pytest.mark.parametrize("place", [*(pytest.param(n, marks=SLOW) for n in (2, 18, 42, 90)), 43])
def test_a_changed_byte_and_a_wrong_passphrase_look_the_same(place: int) -> None:
    value = nip19.decode("ncryptsec", TEXT)[place] ^ 1
    said = set()
    for text, passphrase in ((altered(place, value), "nostr"), (TEXT, "Nostr")):
        with pytest.raises(PeerFault) as caught:
            nip49.decrypt(text, passphrase)
        said.add(str(caught.value))
        assert text not in str(caught.value)
    assert len(said) == 1
