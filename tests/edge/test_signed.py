"""What was signed and is served nowhere: kept for a week, verified anew, lost without harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.edge import signed
from reconciler.limits import SIGNED_SECONDS
from tests.kit.people import ALICE, EPOCH

EVENTS = (ALICE.announce("widget", ["alpha"]), ALICE.state("widget", {}, at=9))


def test_what_was_saved_is_loaded_until_a_week_is_over(tmp_path: Path) -> None:
    path = tmp_path / "signed.json"
    signed.save(path, EVENTS)
    assert set(signed.load(path, EPOCH)) == set(EVENTS)
    assert signed.load(path, EPOCH + SIGNED_SECONDS) == EVENTS[1:]
    assert signed.load(path, EPOCH + SIGNED_SECONDS + 9) == ()


@pytest.mark.parametrize("field", ["content", "id", "sig", "pubkey"])
def test_what_somebody_changed_is_lost(tmp_path: Path, field: str) -> None:
    path = tmp_path / "signed.json"
    row = EVENTS[0].to_json()
    path.write_text(json.dumps([row | {field: "0" * len(row[field]) or "x"}]))
    assert signed.load(path, EPOCH) == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 10_000, "\xff"])
def test_a_damaged_file_counts_as_lost(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signed.json"
    path.write_text(text, "latin-1")
    assert signed.load(path, EPOCH) == ()
