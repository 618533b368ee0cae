"""Passphrases of encrypted keys: from a descriptor that was handed down, or from the terminal."""

from __future__ import annotations

import getpass
import os
import sys

from reconciler.errors import Mistake, UserFault
from reconciler.limits import KEY_FILE_BYTES
from reconciler.sign.keyfile import no_passphrase


class Passphrases:
    """One line for each encrypted key, in the order of the signers file; a single line is for all.

    Never an argument and never a variable: others can read both.
    """

    def __init__(self, descriptor: int | None) -> None:
        """Args: the descriptor that holds them; None: the terminal is asked."""
        self._descriptor = descriptor
        self._lines: list[str] | None = None

    def __repr__(self) -> str:
        return "Passphrases()"

    def __call__(self, name: str) -> str:
        """The passphrase of the key of this name. Raises UserFault."""
        if self._descriptor is None:
            return getpass.getpass(f"passphrase of {name}: ") if _can_ask() else no_passphrase(name)
        if self._lines is None:
            self._lines = self._read(self._descriptor)
        return self._lines.pop(0) if len(self._lines) > 1 else self._lines[0]

    def _read(self, descriptor: int) -> list[str]:
        place = f"--passphrase-fd {descriptor}"
        try:
            with os.fdopen(descriptor, "rb") as file:
                text = file.read(KEY_FILE_BYTES).decode("utf-8", "replace")
        except OSError as error:
            message = f"the descriptor cannot be read: {error.strerror}"
            raise UserFault(Mistake(place, message, "hand one down: 3<file")) from None
        lines = text.splitlines()
        if not lines:
            raise UserFault(Mistake(place, "there is no passphrase", "write one a line"))
        return lines


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
