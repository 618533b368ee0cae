"""The JSON Schemas of everything that enters or leaves the process, and the one check by them.

The files stand in `schemas/` at the top of the repository, where editors find them; a wheel
carries the same folder as the package `grasp_reconciler_schemas`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from jsonschema import Draft202012Validator

from reconciler.errors import Mistake as _Mistake
from reconciler.errors import OurFault, UserFault
from reconciler.nostr.strictjson import Json


@cache
def load(name: str) -> dict[str, Json]:
    """The schema `schemas/<name>.schema.json`.

    Raises:
        OurFault: there is no such schema.
    """
    file = resources.files("grasp_reconciler_schemas") / f"{name}.schema.json"
    try:
        schema: dict[str, Json] = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise OurFault(f"no schema {name}") from None
    return schema


def faults(name: str, document: Json) -> tuple[str, ...]:
    """What is wrong with a document, one line each; empty when it fits its schema."""
    errors = sorted(_validator(name).iter_errors(document), key=lambda e: e.json_path)
    return tuple(f"{error.json_path}: {error.message[:200]}" for error in errors)


def check_ours(name: str, document: Json) -> Json:
    """Pass a document that we are about to write.

    Raises:
        OurFault: it does not fit its schema, so the program is wrong.
    """
    if wrong := faults(name, document):
        raise OurFault(f"our own {name} does not fit its schema: {'; '.join(wrong[:3])}")
    return document


def check_theirs(name: str, document: Json, *, place: str, remedy: str) -> Json:
    """Pass a document that somebody handed to us.

    Raises:
        UserFault: it does not fit its schema; every fault is a mistake of its own.
    """
    if wrong := faults(name, document):
        raise UserFault(*(_Mistake(place, line, remedy) for line in wrong[:20]))
    return document


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(load(name))
