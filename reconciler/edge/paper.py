"""Small files of ours with secrets or memories in them, as `read` and `write`."""

from __future__ import annotations

from pathlib import Path

from reconciler.edge import files
from reconciler.limits import MEMORY_BYTES


class Paper:
    """One file, which need not be there. It is ours alone (0600), in a folder of ours (0700)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Its bytes; empty when it is not there. Raises OSError: it is no plain file, or a link."""
        try:
            return files.own(self._path, MEMORY_BYTES)
        except FileNotFoundError:
            return b""

    def write(self, text: str) -> None:
        """Replace it at once. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write(self._path, text, mode=0o600)
