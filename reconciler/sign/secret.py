"""A secret key that does not let itself be printed, copied or stored by accident."""

from __future__ import annotations

from typing import Final, NoReturn

from reconciler.errors import OurFault

SHOWN: Final = "<secret>"


class Secret:
    """32 bytes that only `reveal` gives out.

    Every other way to text or bytes yields `<secret>` or raises: repr, str, format, pickle, copy,
    deep copy (and with it `dataclasses.asdict`), JSON.
    """

    __slots__ = ("_data",)
    _data: bytearray

    def __init__(self, data: bytes) -> None:
        if len(data) != 32:
            raise OurFault("a secret key has 32 bytes")
        object.__setattr__(self, "_data", bytearray(data))

    def reveal(self) -> bytes:
        """The key itself, for the one call that needs it; never keep it in a variable."""
        return bytes(self._data)

    def wipe(self) -> None:
        """Overwrite it. What `reveal` gave out is Python's to forget: bytes cannot be changed."""
        self._data[:] = bytes(len(self._data))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise OurFault("a secret does not change")

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise OurFault("a secret is neither copied nor stored")

    def __getstate__(self) -> NoReturn:
        raise OurFault("a secret is neither copied nor stored")
