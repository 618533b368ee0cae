"""The signer of a run, from what the command line names; loaded only where something is signed."""

from __future__ import annotations

from reconciler.cli.session import Session
from reconciler.sign.keyfile import KeyFileSigner, read_signers
from reconciler.sign.passphrase import Passphrases


def opened(session: Session) -> KeyFileSigner:
    """The signer that `--signers` names. Raises UserFault."""
    found = read_signers(session.keys or "", Passphrases(session.passphrase_fd))
    return KeyFileSigner(found.keys)
