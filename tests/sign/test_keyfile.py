"""Key files: what is read, what is refused, and what the signer will not sign."""

from __future__ import annotations

import os
import socket
import traceback
from pathlib import Path

import pytest

from reconciler.errors import KeyFileFault, OurFault, UserFault
from reconciler.limits import KEY_FILE_BYTES
from reconciler.nostr import kinds
from reconciler.nostr.event import Draft, verify
from reconciler.sign.keyfile import KeyFileSigner, read_keys
from reconciler.sign.secret import Secret

NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"  # from NIP-19
HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"
PUBLIC = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"
CANARY = "c0ffee" * 10 + "abcd"
ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A right key file in a folder of its own."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    path = folder / "keys.txt"
    path.write_text(f"alice: {NSEC}\n")
    path.chmod(0o600)
    return path


def refused(path: Path, kind: type[UserFault] = UserFault) -> UserFault:
    """The fault; no key material may be in it, nor in its traceback."""
    with pytest.raises(UserFault) as caught:
        read_keys(path)
    assert type(caught.value) is kind
    assert all(m.place == str(path) and m.remedy for m in caught.value.mistakes)
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value.mistakes)
    for secret in (NSEC, HEX, CANARY, NSEC[5:20], repr(bytes.fromhex(HEX))):
        assert secret.lower() not in said.lower()
    return caught.value


def test_the_forms_of_a_line(file: Path) -> None:
    file.write_text(f"# c\n\n  a : {NSEC}  # alice\nb.2_-:{HEX.upper()}\r\nc: {NSEC.upper()}\n")
    keys = read_keys(file)
    assert {name: key.reveal().hex() for name, key in keys.items()} == {
        "a": HEX,
        "b.2_-": HEX,
        "c": HEX,
    }


def test_an_empty_file_holds_no_keys(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert read_keys(file) == {}


@pytest.mark.parametrize("owner", range(8))
def test_a_key_file_is_for_its_owner_alone(file: Path, owner: int) -> None:
    """0400 and 0600 (and odd ones that only the owner could use) pass; any bit for others fails."""
    for others in range(0o100):
        check_mode(file, owner << 6 | others)


def check_mode(file: Path, mode: int) -> None:
    file.chmod(mode)
    if mode & 0o077:
        fault = refused(file, KeyFileFault)
        assert fault.exit_code == 77
        assert fault.mistakes[0].remedy == f"chmod 600 {file}"
        assert f"{mode:04o}" in fault.mistakes[0].message
    elif mode & 0o400 or os.geteuid() == 0:
        assert list(read_keys(file)) == ["alice"]
    else:
        refused(file, KeyFileFault)


@pytest.mark.parametrize(("mode", "good"), [
    (0o700, True), (0o755, True), (0o1777, True), (0o1775, True), (0o770, False), (0o707, False),
    (0o777, False), (0o720, False), (0o702, False),
])  # fmt: skip
def test_modes_of_the_folder(file: Path, mode: int, good: bool) -> None:
    file.parent.chmod(mode)
    if good:
        assert list(read_keys(file)) == ["alice"]
    else:
        fault = refused(file, KeyFileFault)
        assert fault.mistakes[0].remedy == f"chmod go-w {file.parent}"


def test_both_modes_are_reported_at_once(file: Path) -> None:
    file.chmod(0o644)
    file.parent.chmod(0o777)
    assert len(refused(file, KeyFileFault).mistakes) == 2


def test_a_link_is_no_key_file(file: Path) -> None:
    link = file.parent / "link"
    link.symlink_to(file)
    assert "symbolic link" in refused(link, KeyFileFault).mistakes[0].message


def test_a_pipe_does_not_block(file: Path) -> None:
    pipe = file.parent / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "not a plain file" in refused(pipe, KeyFileFault).mistakes[0].message


def test_a_socket_is_no_key_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)  # socket paths are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        assert "socket" in refused(Path("sock"), KeyFileFault).mistakes[0].message


def test_a_folder_is_no_key_file(file: Path) -> None:
    assert "not a plain file" in refused(file.parent, KeyFileFault).mistakes[0].message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else(file: Path) -> None:
    os.chown(file, 65534, -1)
    assert "belongs to user 65534" in refused(file, KeyFileFault).mistakes[0].message


@pytest.mark.parametrize("name", ["none.txt", "no/folder.txt", "keys.txt/x"])
def test_a_key_file_that_is_missing_cannot_be_opened(file: Path, name: str) -> None:
    assert "cannot be opened" in refused(file.parent / name).mistakes[0].message


def test_too_large_a_key_file_is_refused(file: Path) -> None:
    file.write_text(f"a: {NSEC}\n" + "#" * KEY_FILE_BYTES)
    assert "larger than" in refused(file).mistakes[0].message


BAD_LINES = {
    "no colon": NSEC,
    "only a key": f": {NSEC}",
    "swapped": f"{NSEC} x: alice",
    "bad name": f"a b: {NSEC}",
    "long name": f"{'a' * 65}: {NSEC}",
    "checksum": f"a: {NSEC[:-1]}q",
    "mixed case": f"a: {NSEC[:-5]}{NSEC[-5:].upper()}",
    "short hex": f"a: {HEX[:-1]}",
    "long hex": f"a: {CANARY}0",
    "not hex": f"a: {CANARY[:-1]}x",
    "no value": "a:",
    "npub": "a: npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg",
    "zero": f"a: {'0' * 64}",
    "order": f"a: {ORDER}",
    "not utf-8": "a: \udcff",
    "quoted": f'a: "{NSEC}"',
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_by_its_place(file: Path, name: str) -> None:
    file.write_bytes(b"# one\n  " + BAD_LINES[name].encode("utf-8", "surrogateescape") + b"\n")
    (mistake,) = refused(file).mistakes
    assert (mistake.line, mistake.column) == (2, 3)


def test_all_bad_lines_at_once(file: Path) -> None:
    file.write_text(f"a: {NSEC}\nb {NSEC}\na: {HEX}\nc: nsec1{CANARY}\n")
    fault = refused(file)
    assert [m.line for m in fault.mistakes] == [2, 3, 4]
    assert "already has a key" in fault.mistakes[1].message
    assert fault.exit_code == 78


# --- signer ----------------------------------------------------------------------------------

SIGNER = KeyFileSigner({"alice": Secret(bytes.fromhex(HEX))})
DRAFT = Draft(PUBLIC, 1_700_000_000, kinds.ANNOUNCEMENT, (("d", "widget"),), "")


def test_it_signs_an_announcement() -> None:
    event = SIGNER.sign("alice", DRAFT)
    assert event.id == DRAFT.id
    assert verify(event.to_json()) == event


def test_public_keys_by_name() -> None:
    assert SIGNER.public_key("alice") == PUBLIC
    assert SIGNER.public_key("bob") is None


@pytest.mark.parametrize("kind", [0, 1, 3, 5, 10317, 24133, 30616, 30619, 65535])
def test_it_signs_no_other_kind(kind: int) -> None:
    with pytest.raises(OurFault, match="never signed"):
        SIGNER.sign("alice", Draft(PUBLIC, 1, kind, ()))


def test_it_signs_for_nobody_else() -> None:
    with pytest.raises(OurFault, match="not the key's owner"):
        SIGNER.sign("alice", Draft("00" * 32, 1, kinds.ANNOUNCEMENT, ()))


def test_it_signs_nothing_without_a_repository_and_no_more_than_a_run_may() -> None:
    with pytest.raises(OurFault, match="names no repository"):
        SIGNER.sign("alice", Draft(PUBLIC, 1, kinds.STATE, (("x", "y"),)))
    few = KeyFileSigner({"alice": Secret(bytes.fromhex(HEX))}, most=2)
    for at in (1, 2):
        few.sign("alice", Draft(PUBLIC, at, kinds.STATE, (("d", "widget"),)))
    with pytest.raises(OurFault, match="more signatures"):
        few.sign("alice", Draft(PUBLIC, 3, kinds.STATE, (("d", "widget"),)))


def test_an_unknown_name_signs_nothing() -> None:
    with pytest.raises(OurFault, match="no key of that name"):
        SIGNER.sign("bob", DRAFT)


def test_its_repr_shows_no_key() -> None:
    assert repr(SIGNER) == "KeyFileSigner(1 keys)"
    assert HEX not in repr(vars(SIGNER))
