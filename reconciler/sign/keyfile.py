"""Signers files: one `name: key` a line, readable by nobody but us; and the signer that uses them.

    # comment
    alice-key: nsec1…
    bob-key: 64 hex digits
    carol-key: ncryptsec1…        NIP-49; its passphrase is asked for
    dave-key: bunker              NIP-46; paired by `reconcile pair dave-key`

The file is opened once, without following a link and without waiting for a pipe, and what is
checked is that open file, so nothing can be swapped between check and use. No message ever holds
key material. Instead of a file it may be a descriptor that was handed down (`fd:3`) or a variable
(`env:GRASP_SIGNERS`), for jobs that have no file of their own.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import KeyFileFault, Mistake, OurFault, PeerFault, UserFault
from reconciler.limits import KEY_FILE_BYTES, SIGNATURES
from reconciler.nostr import bip340, kinds, nip19
from reconciler.nostr.event import Draft, Event, is_hex32, seal
from reconciler.sign import nip49
from reconciler.sign.process import forbid_dumps
from reconciler.sign.secret import Secret

BUNKER = "bunker"
"""Stands where a key would: the name was paired with a remote signer."""
SIGNED_KINDS = frozenset({kinds.ANNOUNCEMENT, kinds.STATE})
"""Kinds that are ever signed."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_REFUSED = {
    errno.ELOOP: "is a symbolic link",
    errno.ENXIO: "is a socket, not a file",
    errno.EACCES: "cannot be read by this user",
    errno.EPERM: "cannot be read by this user",
}


@dataclass(frozen=True, slots=True)
class Signers:
    """What a signers file names: keys that are here, and names that were paired with a bunker."""

    keys: Mapping[str, Secret]
    paired: tuple[str, ...] = ()


Ask = Callable[[str], str]
"""From the name of a key to its passphrase. Raises UserFault."""


def read_keys(path: Path) -> dict[str, Secret]:
    """The keys of a file by name (`read_signers`)."""
    return dict(read_signers(str(path), no_passphrase).keys)


def read_signers(place: str, ask: Ask) -> Signers:
    """The signers that a file names. From now on this process leaves no core file.

    Args:
        place: a path, `fd:N` or `env:NAME`.
        ask: for passphrases of encrypted keys.

    Raises:
        KeyFileFault: others may read or replace the file, or it is no plain file of ours.
        UserFault: missing, too large, or lines that hold no key; every such line at once.
    """
    forbid_dumps()
    return _signers(contents(place), place, ask)


def no_passphrase(name: str) -> str:
    """Nobody can be asked. Raises UserFault."""
    message = f"the key {name} is encrypted, and nobody is there to be asked for its passphrase"
    remedy = "hand the passphrase down: --passphrase-fd N"
    raise UserFault(Mistake("the passphrase", message, remedy))


@dataclass(frozen=True, slots=True)
class _Key:
    public: str
    secret: Secret


class KeyFileSigner:
    """Signs with named keys that stand in this process.

    Only drafts of `SIGNED_KINDS` whose pubkey is the key's own and that name a repository are
    signed, and so many of them in its life: a bug elsewhere cannot make it sign anything else.
    """

    def __init__(self, keys: Mapping[str, Secret], *, most: int = SIGNATURES) -> None:
        self._left = most
        self._keys = {
            name: _Key(bip340.public_key(secret.reveal()).hex(), secret)
            for name, secret in keys.items()
        }

    def __repr__(self) -> str:
        return f"KeyFileSigner({len(self._keys)} keys)"

    @property
    def names(self) -> tuple[str, ...]:
        """What the keys are called, in the order of the file."""
        return tuple(self._keys)

    def public_key(self, name: str) -> str | None:
        """The hex pubkey of a named key; None when there is no such key."""
        key = self._keys.get(name)
        return key.public if key else None

    def sign(self, name: str, draft: Draft) -> Event:
        """Sign a draft with a named key.

        Raises:
            OurFault: no such key, another kind, another author, no repository, or one too many: the
                planner is wrong.
        """
        key = self._keys.get(name)
        if key is None:
            raise OurFault("there is no key of that name")
        if draft.kind not in SIGNED_KINDS:
            raise OurFault(f"events of kind {draft.kind} are never signed")
        if draft.pubkey != key.public:
            raise OurFault("the draft's author is not the key's owner")
        if not draft.first("d"):
            raise OurFault("the draft names no repository")
        if self._left <= 0:
            raise OurFault("more signatures than one run may make")
        self._left -= 1
        return seal(draft, bip340.sign(key.secret.reveal(), bytes.fromhex(draft.id)))


def contents(place: str) -> bytes:
    """The bytes of a file that holds keys, wherever it is.

    Raises:
        KeyFileFault: others may read or replace it, or it is no plain file of ours.
        UserFault: missing, or too large.
    """
    kind, _, name = place.partition(":")
    if kind == "env":
        # what was handed to us is for us: no child inherits it
        if (text := os.environ.pop(name, None)) is None:
            remedy = "set it, or name another place"
            raise UserFault(Mistake(place, "there is no such variable", remedy))
        return _bounded(text.encode("utf-8", "surrogateescape"), place)
    if kind == "fd" and name.isdecimal():
        try:
            with os.fdopen(int(name), "rb") as file:
                return _bounded(file.read(KEY_FILE_BYTES + 1), place)
        except OSError as error:
            message = f"the descriptor cannot be read: {error.strerror}"
            raise UserFault(Mistake(place, message, "hand one down: 3<file")) from None
    return _bounded(_read(Path(place)), place)


def _bounded(data: bytes, place: str) -> bytes:
    if len(data) > KEY_FILE_BYTES:
        message = f"the key file is larger than {KEY_FILE_BYTES} bytes"
        raise UserFault(Mistake(place, message, "is this really a key file?"))
    return data


def _read(path: Path) -> bytes:
    folder = _open(path.parent, path, os.O_DIRECTORY | os.O_RDONLY | os.O_CLOEXEC, None)
    try:
        file = _open(Path(path.name), path, _OPEN, folder)
        try:
            faults = [*_file_faults(path, os.fstat(file)), *_folder_faults(path, os.fstat(folder))]
            if faults:
                raise KeyFileFault(*faults)
            return os.read(file, KEY_FILE_BYTES + 1)
        finally:
            os.close(file)
    finally:
        os.close(folder)


def _open(target: Path, path: Path, flags: int, folder: int | None) -> int:
    try:
        return os.open(target, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _REFUSED:
            remedy = f"give a plain file of your own, and run: chmod 600 {path}"
            message = f"the key file {_REFUSED[error.errno]}"
            raise KeyFileFault(Mistake(str(path), message, remedy)) from None
        message = f"the key file cannot be opened: {os.strerror(error.errno or 0)}"
        remedy = "create it (umask 077), one `name: nsec1…` a line, or correct the path"
        raise UserFault(Mistake(str(path), message, remedy)) from None


def _file_faults(path: Path, found: os.stat_result) -> Iterator[Mistake]:
    if not stat.S_ISREG(found.st_mode):
        remedy = f"give a plain file, and run: chmod 600 {path}"
        yield Mistake(str(path), "the key file is not a plain file", remedy)
        return
    if _is_credential(path, found):
        return
    if found.st_uid != os.geteuid():
        remedy = f"as its owner: chown {os.geteuid()} {path} && chmod 600 {path}"
        yield Mistake(str(path), f"the key file belongs to user {found.st_uid}", remedy)
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        message = f"others may use the key file (mode {mode:04o})"
        yield Mistake(str(path), message, f"chmod 600 {path}")


def _is_credential(path: Path, found: os.stat_result) -> bool:
    """Did systemd put it there for this unit (LoadCredential=)? Such a file may be root's, and
    readable by a group that stands for an access list; others never read it."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or path.parent != Path(folder):
        return False
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & (stat.S_IRWXO | stat.S_IWGRP)


def _folder_faults(path: Path, found: os.stat_result) -> Iterator[Mistake]:
    """In a sticky folder (/tmp) others can add files, but not replace ours."""
    if found.st_mode & _OTHERS_WRITE and not found.st_mode & stat.S_ISVTX:
        message = "others may replace the key file: they can write its folder"
        yield Mistake(str(path), message, f"chmod go-w {path.parent}")


def _signers(data: bytes, place: str, ask: Ask) -> Signers:
    keys: dict[str, Secret] = {}
    paired: list[str] = []
    mistakes: list[Mistake] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        content = line.split(b"#")[0].strip()
        if not content:
            continue
        try:
            name, value = _line(content)
            if name in keys or name in paired:
                raise PeerFault("this name already has a key further up")
            if value == BUNKER:
                paired.append(name)
            else:
                keys[name] = _key(name, value, ask)
        except PeerFault as fault:
            column = len(line) - len(line.lstrip()) + 1
            remedy = "write one `name: nsec1…` a line (or 64 hex digits, ncryptsec1…, bunker)"
            mistakes.append(Mistake(place, str(fault), remedy, number, column))
    if mistakes:
        raise UserFault(*mistakes)
    return Signers(keys, tuple(paired))


def _line(content: bytes) -> tuple[str, str]:
    """Name and value of a line; the PeerFault for a bad one never quotes it."""
    name, separator, value = content.decode("utf-8", "replace").partition(":")
    if not separator or not NAME.fullmatch(name.strip()):
        raise PeerFault("the line does not start with a name and a colon")
    return name.strip(), value.strip()


def _key(name: str, text: str, ask: Ask) -> Secret:
    """The key of a line; the PeerFault for a bad one never quotes it."""
    if text.lower().startswith(f"{nip49.PREFIX}1"):
        return nip49.decrypt(text, ask(name))
    key = bytes.fromhex(text) if is_hex32(text.lower()) else nip19.decode("nsec", text)
    if len(key) != 32:
        raise PeerFault("the key has not 32 bytes")
    try:
        bip340.public_key(key)
    except ValueError:
        raise PeerFault("the key is not a number that secp256k1 allows") from None
    return Secret(key)
