"""stdout and stderr that never end a run: showing does not decide what is done.

What an encoding lacks is written another way, and a stream that takes no more (a reader who left,
a full disk) is given up, once and for all.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PLAIN = {"→": "->", "…": "...", "·": "-", "×": "x", "━": "-", "╸": "-", "╺": "-"}
"""Our own signs where the encoding has ASCII only; anything else becomes `\\u…`."""
_HANDLER = "reconcile.plain"


def _written_plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    chars = error.object[error.start : error.end]
    known = (_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in chars)
    return "".join(known), error.end


codecs.register_error(_HANDLER, _written_plainly)


class _Patient(io.RawIOBase):
    """The bytes of a stream; after a failure they go nowhere, and `lost` has heard why."""

    def __init__(self, target: BinaryIO | None, lost: Callable[[OSError], None]) -> None:
        self._target = target
        self._lost = lost

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._target is not None and self._target.isatty()

    def fileno(self) -> int:
        if self._target is None:
            raise OSError("the stream is closed")
        return self._target.fileno()

    def write(self, data: ReadableBuffer) -> int:
        view = memoryview(data)
        if self._target is not None:
            try:
                self._target.write(view)
                self._target.flush()
            except (OSError, ValueError) as error:
                self._give_up(error if isinstance(error, OSError) else OSError(str(error)))
        return view.nbytes

    def _give_up(self, error: OSError) -> None:
        target, self._target = self._target, None
        if target is not None:
            # Python's own last flush must not fail either
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())
        self._lost(error)


def stderr() -> TextIO:
    """stderr; when it is lost there is nobody left to tell."""
    return _stream(sys.stderr, lambda _: None)


def stdout(say: Callable[[str], None]) -> TextIO:
    """stdout. When it is lost `say` hears why, but for a reader who left on purpose (`| head`)."""

    def lost(error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            say(f"stdout: {error.strerror or error}; nothing more is shown there")

    return _stream(sys.stdout, lost)


def _stream(standard: TextIO | None, lost: Callable[[OSError], None]) -> TextIO:
    if standard is not None:
        with suppress(OSError, ValueError):
            os.set_blocking(standard.fileno(), True)
    raw = _Patient(standard.buffer if standard is not None else None, lost)
    encoding = standard.encoding if standard is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors=_HANDLER, line_buffering=True
    )
