"""What the reconciler knows of a family is what the family's preset in the sandbox does, field by
field. Both stand in the house twice on purpose (decision 13); only here are they laid side by side,
each field of the reconciler's dialect read anew from the sandbox's switches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import pytest

from reconciler.facts import dialects
from reconciler.facts.dialects import Dialect, Foreign, Obeys, detect
from reconciler.limits import IDENTIFIER_BYTES
from reconciler.nostr.nip11 import RelayInfo
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.family.rules import Deletes, DeletionRule, Family, HeadRule, PushRule

IDENTIFIERS = (
    *("widget", "Widget", "w", "0", "wid.get", "wid-get", "wid_get", "-w", "_", "~w", "w+x"),
    *("grün", "ﬁ", "виджет", "小部件", "٣", "e\u0301", "ª", "wıdget", "K"),
    *("a b", " ", "a\tb", "widget\n", "\nwidget", "a\x00b", "x:y", ":", "a/b", "/", "a\\b"),
    *("", ".", "..", "...", ".git", "a%20b", "a%b", "a?b", "a#b", "a@b", '"', "'", "$w"),
    *("w" * IDENTIFIER_BYTES, "w" * (IDENTIFIER_BYTES + 1), "ü" * IDENTIFIER_BYTES, "w" * 5000),
)
"""Whether a server could take them at all is NIP-34's question and asked elsewhere, of both sides;
here a pattern is held against a pattern."""

Fact = bool | str | frozenset[str] | Obeys | Foreign
Reading = Callable[[Family], Fact]


def _called(theirs: Family) -> str:
    """The last word of its software, but for what runs a library under another name."""
    word = theirs.info.software.rpartition("/")[2]
    return {"nak": "khatru", "sandbox-spec": "spec"}.get(word, word)


def _parks(theirs: Family) -> bool:
    """States decide what is pushed, so that they decide whether a family has a purgatory."""
    return theirs.states.waits


def _is_exact(theirs: Family) -> bool:
    return theirs.git.rule is PushRule.EXACT


def _deletes_branches(theirs: Family) -> bool:
    return theirs.git.deletes is Deletes.UNDECLARED


def _hosted(theirs: Family) -> frozenset[str]:
    """Which of the identifiers pass both of its patterns."""
    patterns = (theirs.git.identifiers, theirs.announcements.hosted_identifiers)
    return frozenset(i for i in IDENTIFIERS if all(not p or re.fullmatch(p, i) for p in patterns))


def _obeys(theirs: Family) -> Obeys:
    if theirs.states.owner_only:
        return Obeys.OWNER
    return Obeys.CONFIRMED if theirs.states.roles else Obeys.INVITED


def _foreign(theirs: Family) -> Foreign:
    if not theirs.git.other_refs:
        return Foreign.OPERATOR
    return Foreign.RIDES_ALONG if theirs.git.rule is PushRule.EXACT else Foreign.ANYBODY


READINGS: Mapping[str, Reading] = {
    "name": _called,
    "purgatory": _parks,
    "purgatory_only": _is_exact,  # one switch of the sandbox says both
    "exact": _is_exact,
    "deletes_branches": _deletes_branches,
    "obeys": _obeys,
    "head_by_push": lambda theirs: theirs.states.head is HeadRule.PUSH,
    "foreign": _foreign,
    "void_deletions": lambda theirs: theirs.events.deletion is DeletionRule.TAKEN,
    "identifiers": _hosted,
}
"""Each field of the reconciler's dialect, told from the sandbox's switches."""

FIELDS = tuple(field.name for field in fields(Dialect))


def unread(dialect: type) -> set[str]:
    """Fields without a reading, and readings without a field."""
    return {field.name for field in fields(dialect)} ^ READINGS.keys()


def ours(preset: str) -> Dialect:
    """What the reconciler takes this family for, by what it says of itself."""
    info = PRESETS[preset].info
    return detect(RelayInfo(software=info.software, version=info.version))


def known(dialect: Dialect, field: str) -> Fact:
    """A field's value; of a pattern, what it lets pass, because spellings of it may differ."""
    if field == "identifiers":
        return frozenset(filter(dialect.takes, IDENTIFIERS))
    value: Fact = getattr(dialect, field)
    return value


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("field", FIELDS)
def test_the_reconciler_knows_what_a_family_does(preset: str, field: str) -> None:
    assert known(ours(preset), field) == READINGS[field](PRESETS[preset])


def test_every_field_has_its_reading() -> None:
    assert unread(Dialect) == set()


def test_a_new_field_without_a_reading_is_found() -> None:
    @dataclass(frozen=True, slots=True)
    class Grown(Dialect):
        tie: str = "lowest"

    assert unread(Grown) == {"tie"}


def test_every_dialect_is_held_against_a_preset() -> None:
    written = {found for found in vars(dialects).values() if isinstance(found, Dialect)}
    assert written == set(map(ours, PRESETS))


def test_the_identifiers_tell_the_patterns_apart() -> None:
    """Otherwise the list is too short to prove anything."""
    assert len({_hosted(theirs) for theirs in PRESETS.values()}) == 4
