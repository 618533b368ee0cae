"""The key file against the desired state, before the first request: a wrong key is found at once,
not after everything was observed."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.errors import Mistake, UserFault
from reconciler.model.desired import Desired
from reconciler.nostr import nip19
from reconciler.world import Signer


def check(path: str, keys: Signer, desired: Desired) -> None:
    """Every signer that the desired state names must be there, and be its owner's.

    Raises:
        UserFault: keys are missing or somebody else's; all of them at once.
    """
    adopting = any(source.adopt for _, source in desired.sources)
    if desired.policies.announcements != "update" and not adopting:
        return
    if mistakes := tuple(_mistakes(path, keys, desired)):
        raise UserFault(*mistakes)


def _mistakes(path: str, keys: Signer, desired: Desired) -> Iterator[Mistake]:
    names = ", ".join(keys.names) or "none"
    for npub in desired.npubs:
        if npub.signer is None:
            continue
        public = keys.public_key(npub.signer)
        if public is None:
            message = f"there is no key named {npub.signer}, the signer of {npub.name}"
            yield Mistake(path, message, f"correct one of the names; the file has: {names}")
        elif public != npub.pubkey:
            owner = nip19.npub(public)
            message = f"the key {npub.signer} is not that of {npub.name}: it signs for {owner}"
            yield Mistake(path, message, "put the owner's own key there, or name another one")
