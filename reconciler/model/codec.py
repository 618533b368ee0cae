"""Model <-> plain JSON, and the digest that ties what was reviewed to what is applied.

unions are tagged ("action": "push"), enums are their values, tuples are lists,
a coordinate is the text of its NIP-01 address
"""

from __future__ import annotations

import hashlib
import json
from functools import reduce
from operator import getitem
from typing import TypeVar

from cattrs import ClassValidationError, Converter, transform_error
from cattrs.strategies import configure_tagged_union

from reconciler.errors import Mistake, UserFault
from reconciler.limits import SAVED_PLAN_BYTES
from reconciler.model.actions import Action
from reconciler.model.outcome import REPORT_VERSION, Report
from reconciler.model.plan import PLAN_VERSION, Plan
from reconciler.nostr.nip34 import Coordinate, parse_coordinate
from reconciler.nostr.strictjson import Json
from reconciler.schemas import check_ours, check_theirs

_T = TypeVar("_T")


def _coordinate(text: str, _: type) -> Coordinate:
    found = parse_coordinate(text)
    if found is None:
        raise ValueError("not a repository coordinate")
    return found


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Coordinate, str)
    converter.register_structure_hook(Coordinate, _coordinate)
    configure_tagged_union(
        Action, converter, tag_name="action", tag_generator=lambda cls: cls.__name__.lower()
    )
    return converter


_CONVERTER = _converter()


def plain(value: object) -> Json:
    """Any model value as plain JSON."""
    return _CONVERTER.unstructure(value)


def plan_to_json(plan: Plan) -> Json:
    """The saved plan: version, digest, then the plan's own fields; fits `schemas/plan`."""
    head = {"version": PLAN_VERSION, "digest": digest(plan), "complete": plan.complete}
    return check_ours("plan", _lists(head | plain(plan)))


def plan_from_json(text: bytes, *, place: str) -> Plan:
    """Read a saved plan; its digest must be its own.

    Raises:
        UserFault: too large, not JSON, not a plan, another version, or edited since it was saved.
    """
    remedy = "make a new plan with `reconcile --plan --out`"
    raw = check_theirs("plan", _decode(text, place, remedy), place=place, remedy=remedy)
    said, complete = raw.pop("digest"), raw.pop("complete")
    raw.pop("version")
    try:
        plan = _CONVERTER.structure(raw, Plan)
    except (ClassValidationError, ValueError) as error:
        lines = transform_error(error)
        raise UserFault(*(Mistake(place, line, remedy) for line in lines[:10])) from None
    if digest(plan) != said or plan.complete is not complete:
        raise UserFault(Mistake(place, "the plan was changed after it was saved", remedy))
    return plan


def report_to_json(report: Report) -> Json:
    """The report; fits `schemas/report`."""
    return check_ours("report", _lists({"version": REPORT_VERSION} | plain(report)))


def report_from_json(text: bytes, *, place: str) -> Report:
    """Read a report of ours again. Fields that an older program did not write have their defaults.

    Raises:
        UserFault: not JSON, not a report, or another version.
    """
    remedy = "name a report that this program wrote"
    try:
        raw = json.loads(text)
        version = raw.pop("version")
        found = _CONVERTER.structure(raw, Report)
    except (ClassValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        lines = transform_error(error) if isinstance(error, ClassValidationError) else [str(error)]
        mistakes = (Mistake(place, f"not a report: {line}", remedy) for line in lines[:10])
        raise UserFault(*mistakes) from None
    if version != REPORT_VERSION:
        raise UserFault(Mistake(place, f"a report of version {version}", remedy))
    return found


def digest(plan: Plan) -> str:
    """SHA-256 (hex) of what a plan would do: the same world and wishes give the same digest.

    Times and sources are left out: they may differ between two looks at an unchanged world. That
    part of the world was unknown belongs to it: there may be more to do.
    """
    contract: dict[str, Json] = {
        "desired": plan.desired_digest,
        "actions": [contract_of(action) for action in plan.actions],
    }
    if not plan.complete:
        contract["complete"] = False
    return hashlib.sha256(canonical(contract)).hexdigest()


def contract_of(action: Action) -> Json:
    """What one action promises, as plain JSON; equal contracts do the same thing."""
    value = _CONVERTER.unstructure(action, unstructure_as=Action)
    for path in action.free:
        *parents, name = path.split(".")
        reduce(getitem, parents, value).pop(name)
    return _lists(value)


def canonical(value: Json) -> bytes:
    """One byte form for equal JSON values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def pretty(value: Json) -> str:
    """The form that is written to files: indented, keys in order of the model, final newline."""
    return json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def _lists(value: Json) -> Json:
    """Tuples to lists, so that schemas see JSON's own types."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _decode(text: bytes, place: str, remedy: str) -> Json:
    if len(text) > SAVED_PLAN_BYTES:
        raise UserFault(Mistake(place, f"larger than {SAVED_PLAN_BYTES} bytes", remedy))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserFault(Mistake(place, f"not JSON: {error}", remedy)) from None
