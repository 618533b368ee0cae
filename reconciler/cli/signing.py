"""The signer of a run, from what the command line names; loaded only where something is signed."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from reconciler.cli.session import Session
from reconciler.edge.paper import Paper
from reconciler.errors import OurFault
from reconciler.guard import MASS_SIGN
from reconciler.limits import SIGNATURES
from reconciler.sign.bunker.pairing import Pairing, read_pairing
from reconciler.sign.bunker.queue import Queue
from reconciler.sign.bunker.signer import BunkerSigner, Wire
from reconciler.sign.combined import Combined
from reconciler.sign.keyfile import KeyFileSigner, Signers, read_signers
from reconciler.sign.passphrase import Passphrases

_NO_LIMIT = 10**6
Mailboxes = Callable[[Sequence[str]], Wire]
"""From relays (canonical URLs) to the way to them."""


class RunSigner(Combined):
    """The keys that `--signers` names. Remote ones are reached by what `connect` is given: the
    policy on what may be dialled stands in the desired state, which is read later."""

    def __init__(self, session: Session) -> None:
        """Raises UserFault: a key cannot be had."""
        found = keys_of(session.keys or "", session.passphrase_fd)
        pairings = {name: read_pairing(place(session, name)) for name in found.paired}
        self._mailboxes: Mailboxes | None = None
        waiting = queue(session.state_dir)
        wait = session.approval_wait
        remote = BunkerSigner(pairings, self._wire, waiting, wait=wait)
        lifted = any(guard == MASS_SIGN for guard, _ in session.options.accept)
        here = KeyFileSigner(found.keys, most=_NO_LIMIT if lifted else SIGNATURES)
        super().__init__((here, remote))

    def connect(self, mailboxes: Mailboxes) -> None:
        """How remote signers are reached in this run."""
        self._mailboxes = mailboxes

    def _wire(self, pairing: Pairing) -> Wire:
        if self._mailboxes is None:
            raise OurFault("nobody has said how remote signers are reached")
        return self._mailboxes(pairing.relays)


@cache
def keys_of(place: str, descriptor: int | None) -> Signers:
    """Read once a process: a descriptor and a variable are gone afterwards, and nobody wants to
    type a passphrase again for each run of `watch`. Overwritten when the process ends."""
    found = read_signers(place, Passphrases(descriptor))
    for secret in found.keys.values():
        atexit.register(secret.wipe)
    return found


def place(session: Session, name: str) -> Path:
    """Where the pairing of a name is kept."""
    return session.state_dir / "signers" / f"{name}.json"


def queue(state: Path) -> Queue:
    """What was asked of remote signers and is not answered."""
    return Queue(Paper(state / "asked.json"))
