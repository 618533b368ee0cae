"""What is kept of a pairing: a small file of ours, readable by nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import Mistake, PeerFault, UserFault
from reconciler.nostr import bip340, urls
from reconciler.nostr.event import is_hex32
from reconciler.nostr.strictjson import dumps, loads
from reconciler.sign.keyfile import contents
from reconciler.sign.process import forbid_dumps
from reconciler.sign.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """`client` is our key for this pairing, disposable; `remote` answers; `user` is whose signature
    it gives (they may differ); `relays` are canonical web URLs."""

    client: Secret
    remote: str
    user: str
    relays: tuple[str, ...]


def read_pairing(path: Path) -> Pairing:
    """The pairing in a file, which must be ours alone.

    Raises:
        KeyFileFault: others may read or replace it.
        UserFault: there is none, or it is damaged.
    """
    if not path.exists():
        message = "it was never paired with a remote signer"
        raise UserFault(Mistake(str(path), message, f"pair it: reconcile pair {path.stem}"))
    forbid_dumps()
    return from_text(contents(str(path)), place=str(path))


def to_text(pairing: Pairing) -> str:
    """For the file, which must be readable by us alone: it holds the client key."""
    row = {
        "client": pairing.client.reveal().hex(),
        "remote": pairing.remote,
        "user": pairing.user,
        "relays": list(pairing.relays),
    }
    return dumps(row) + "\n"


def from_text(text: bytes, *, place: str) -> Pairing:
    """Read it back.

    Raises:
        UserFault: it is damaged; no message holds a part of it.
    """
    try:
        match loads(text):
            case {
                "client": str(client),
                "remote": str(remote),
                "user": str(user),
                "relays": list(relays),
            } if all(map(is_hex32, (client, remote, user))) and relays:
                secret = Secret(bytes.fromhex(client))
                bip340.public_key(secret.reveal())
                return Pairing(
                    client=secret,
                    remote=remote,
                    user=user,
                    relays=tuple(urls.canonical(str(relay)) for relay in relays),
                )
    except (PeerFault, ValueError):
        pass
    raise UserFault(Mistake(place, "the pairing is damaged", "pair it anew: reconcile pair NAME"))
