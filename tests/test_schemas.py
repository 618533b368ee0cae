"""Schemas are strict: no object takes a key that it does not name. Checks say whose fault it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.errors import OurFault, UserFault
from reconciler.schemas import check_ours, check_theirs, faults, load

NAMES = ["plan", "report", "desired-state", "bench"]


def objects(node: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every subschema that describes an object with named properties."""
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            yield path, node
        for key, value in node.items():
            yield from objects(value, f"{path}.{key}")
    if isinstance(node, list):
        for number, value in enumerate(node):
            yield from objects(value, f"{path}[{number}]")


@pytest.mark.parametrize("name", NAMES)
def test_no_object_takes_unknown_keys(name: str) -> None:
    Draft202012Validator.check_schema(load(name))
    found = list(objects(load(name)))
    assert found
    assert [path for path, schema in found if schema.get("additionalProperties") is not False] == []


@pytest.mark.parametrize("name", ["plan", "report", "bench"])
def test_what_we_write_is_always_whole(name: str) -> None:
    for path, schema in objects(load(name)):
        assert set(schema["required"]) == set(schema["properties"]), path


def test_there_is_no_other_schema() -> None:
    with pytest.raises(OurFault, match="no schema nothing"):
        load("nothing")


def test_whose_fault_it_is() -> None:
    with pytest.raises(OurFault, match="our own plan does not fit"):
        check_ours("plan", {})
    with pytest.raises(UserFault) as caught:
        check_theirs("plan", {"version": 1}, place="p.json", remedy="again")
    assert {(m.place, m.remedy) for m in caught.value.mistakes} == {("p.json", "again")}
    assert len(caught.value.mistakes) == len(faults("plan", {"version": 1}))
