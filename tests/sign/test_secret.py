"""A secret stays one, whichever way somebody tries to print or store it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import traceback
from collections.abc import Callable

import pytest

from reconciler.errors import OurFault
from reconciler.sign.secret import Secret

DATA = bytes(range(1, 33))
SECRET = Secret(DATA)


@dataclasses.dataclass(frozen=True)
class Holder:
    secret: Secret


@pytest.mark.parametrize("text", [
    repr(SECRET), str(SECRET), f"{SECRET}", f"{SECRET!r:>40}", f"{SECRET:x}", format(SECRET, ">9"),
    repr([SECRET]), repr({"k": SECRET}), repr(Holder(SECRET)), f"{Holder(SECRET)}",
])  # fmt: skip
def test_no_text_of_a_secret_shows_it(text: str) -> None:
    assert "<secret>" in text
    assert DATA.hex() not in text
    assert repr(DATA) not in text


STORES: dict[str, Callable[[], object]] = {
    "pickle": lambda: pickle.dumps(SECRET),
    "old pickle": lambda: pickle.dumps(SECRET, 0),
    "copy": lambda: copy.copy(SECRET),
    "deepcopy": lambda: copy.deepcopy(SECRET),
    "asdict": lambda: dataclasses.asdict(Holder(SECRET)),
    "json": lambda: json.dumps(SECRET),
    "getstate": SECRET.__getstate__,
    "change": lambda: setattr(SECRET, "_data", b""),
    "vars": lambda: vars(SECRET),
    "length": lambda: Secret(b"short"),
}


@pytest.mark.parametrize("name", STORES)
def test_nothing_that_stores_takes_a_secret(name: str) -> None:
    with pytest.raises((OurFault, TypeError)) as caught:
        STORES[name]()
    said = "".join(traceback.format_exception(caught.value))
    assert DATA.hex() not in said
    assert repr(DATA) not in said


def test_reveal_is_the_only_door() -> None:
    assert SECRET.reveal() == DATA
    assert [n for n in dir(Secret) if not n.startswith("_")] == ["reveal", "wipe"]


def test_a_wiped_secret_is_gone() -> None:
    secret = Secret(DATA)
    secret.wipe()
    assert secret.reveal() == bytes(32)
