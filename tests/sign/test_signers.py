"""Where signers come from besides a file, and keys under a passphrase; no secret in any message."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import nostr_sdk
import pytest

from reconciler.errors import KeyFileFault, UserFault
from reconciler.limits import KEY_FILE_BYTES
from reconciler.sign.keyfile import Signers, no_passphrase, read_signers
from reconciler.sign.passphrase import Passphrases

HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
OTHER = "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683"
SEALED = (
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623"
    "nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p"
)
WORDS = "correct horse battery staple"


def handed(text: str) -> int:
    """A descriptor from which this can be read once."""
    there, here = os.pipe()
    os.write(here, text.encode())
    os.close(here)
    return there


def revealed(found: Signers) -> dict[str, str]:
    return {name: key.reveal().hex() for name, key in found.keys.items()}


def refused(place: str, passphrases: Passphrases | None = None) -> str:
    with pytest.raises(UserFault) as caught:
        read_signers(place, passphrases or no_passphrase)
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value.mistakes)
    assert all(mistake.remedy for mistake in caught.value.mistakes)
    for secret in (HEX, OTHER, SEALED, SEALED[12:40], WORDS, WORDS[:7]):
        assert secret not in said
    return str(caught.value)


def test_a_descriptor_is_read_once() -> None:
    place = f"fd:{handed(f'alice: {HEX}')}"
    assert revealed(read_signers(place, no_passphrase)) == {"alice": HEX}
    assert "cannot be read" in refused(place)


def test_a_variable_is_taken_out_of_the_environment() -> None:
    os.environ["OUR_SIGNERS"] = f"alice: {HEX}\nbob: {OTHER}"
    found = read_signers("env:OUR_SIGNERS", no_passphrase)
    assert revealed(found) == {"alice": HEX, "bob": OTHER}
    assert "OUR_SIGNERS" not in os.environ
    assert "no such variable" in refused("env:OUR_SIGNERS")


@pytest.mark.parametrize(
    "text", [f"alice: {HEX}x", f"alice {HEX}", f"{HEX}", f"a: {HEX}\na: {OTHER}"]
)
def test_mistakes_quote_no_key_wherever_they_stand(text: str) -> None:
    refused(f"fd:{handed(text)}")


def test_more_than_a_key_file_is_none() -> None:
    os.environ["OUR_SIGNERS"] = "#" * (KEY_FILE_BYTES + 1)
    assert "larger" in refused("env:OUR_SIGNERS")


def test_a_credential_of_systemd_s_may_be_root_s(tmp_path: Path) -> None:
    file = tmp_path / "signers"
    file.write_text(f"alice: {HEX}\n")
    file.chmod(0o440)
    with pytest.raises(KeyFileFault):
        read_signers(str(file), no_passphrase)
    os.environ["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    try:
        assert revealed(read_signers(str(file), no_passphrase)) == {"alice": HEX}
        file.chmod(0o444)
        with pytest.raises(KeyFileFault):
            read_signers(str(file), no_passphrase)
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]


def test_names_that_were_paired() -> None:
    found = read_signers(f"fd:{handed(f'a: bunker{chr(10)}b: {HEX}')}", no_passphrase)
    assert (found.paired, revealed(found)) == (("a",), {"b": HEX})
    assert "already" in refused(f"fd:{handed(f'a: bunker{chr(10)}a: {HEX}')}")


@pytest.mark.long  # it opens four keys, each of which is costly on purpose
def test_one_passphrase_for_all_or_one_for_each() -> None:
    keys = nostr_sdk.Keys.generate()
    unknown = nostr_sdk.KeySecurity.UNKNOWN
    other = nostr_sdk.EncryptedSecretKey(keys.secret_key(), WORDS, 16, unknown).to_bech32()
    both = f"alice: {SEALED}\nbob: {other}\n"
    each = Passphrases(handed(f"nostr\n{WORDS}\n"))
    found = read_signers(f"fd:{handed(both)}", each)
    assert revealed(found) == {"alice": OTHER, "bob": keys.secret_key().to_hex()}
    alike = f"alice: {SEALED}\nbob: {SEALED}\n"
    one = Passphrases(handed("nostr"))
    assert revealed(read_signers(f"fd:{handed(alike)}", one)) == {"alice": OTHER, "bob": OTHER}


def test_a_wrong_passphrase_and_none() -> None:
    sealed = f"alice: {SEALED}"
    wrong = refused(f"fd:{handed(sealed)}", Passphrases(handed(WORDS)))
    assert "does not open" in wrong
    assert "no passphrase" in refused(f"fd:{handed(sealed)}", Passphrases(handed("")))
    assert "--passphrase-fd" in refused(f"fd:{handed(sealed)}")


def test_nobody_is_asked_where_there_is_no_terminal() -> None:
    assert "encrypted" in refused(f"fd:{handed(f'alice: {SEALED}')}", Passphrases(None))
