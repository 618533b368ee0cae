"""One signer out of two: keys that are here, and those that are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconciler.errors import OurFault
from reconciler.nostr.event import Draft, Event


class _Signer(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...

    def public_key(self, name: str) -> str | None: ...

    def sign(self, name: str, draft: Draft) -> Event: ...


class Combined:
    """Asks the one that has a key of that name (`world.Signer`)."""

    def __init__(self, signers: Sequence[_Signer]) -> None:
        self._signers = tuple(signers)

    @property
    def names(self) -> tuple[str, ...]:
        """What all keys are called."""
        return tuple(name for signer in self._signers for name in signer.names)

    def public_key(self, name: str) -> str | None:
        """The hex pubkey of a named key; None when there is no such key."""
        return next((key for s in self._signers if (key := s.public_key(name))), None)

    def sign(self, name: str, draft: Draft) -> Event:
        """The signed draft, verified. Raises ReconcileError."""
        for signer in self._signers:
            if signer.public_key(name):
                return signer.sign(name, draft)
        raise OurFault("there is no key of that name")
