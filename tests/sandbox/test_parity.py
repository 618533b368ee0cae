"""What the reconciler knows of a family is what the family's preset in the sandbox does, field by
field. Both stand in the house twice on purpose (decision 13); only here are they laid side by side,
each field of the reconciler's dialect read anew from the sandbox's switches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Any, get_args, get_type_hints

import pytest

from reconciler.facts import dialects
from reconciler.facts.budgets import Per
from reconciler.facts.dialects import Dialect, Foreign, Obeys, detect
from reconciler.facts.ownwork import Aligns
from reconciler.limits import IDENTIFIER_BYTES, PACK_BYTES, WS_MESSAGE_BYTES
from reconciler.nostr.nip11 import RelayInfo
from reconciler.sandbox.family.presets import PRESETS
from reconciler.sandbox.family.rates import Rate
from reconciler.sandbox.family.rules import (
    Alignment,
    Deletes,
    DeletionRule,
    Family,
    HeadRule,
    PushRule,
)

IDENTIFIERS = (
    *("widget", "Widget", "w", "0", "wid.get", "wid-get", "wid_get", "-w", "_", "~w", "w+x"),
    *("grün", "ﬁ", "виджет", "小部件", "٣", "e\u0301", "ª", "wıdget", "K"),
    *("a b", " ", "a\tb", "widget\n", "\nwidget", "a\x00b", "x:y", ":", "a/b", "/", "a\\b"),
    *("", ".", "..", "...", ".git", "a%20b", "a%b", "a?b", "a#b", "a@b", '"', "'", "$w"),
    *("w" * IDENTIFIER_BYTES, "w" * (IDENTIFIER_BYTES + 1), "ü" * IDENTIFIER_BYTES, "w" * 5000),
)
"""Whether a server could take them at all is NIP-34's question and asked elsewhere, of both sides;
here a pattern is held against a pattern."""

Fact = bool | float | str | frozenset[str] | Obeys | Foreign | Per | Aligns | None
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


def _rate(field: str, rate: Rate | None) -> Fact:
    """Ours is called alike, but for whose it is, and the answer beyond it, which nobody needs."""
    if rate is None:
        return None
    if field == "each":
        return Per[rate.per.name]
    value: Fact = getattr(rate, field)
    return value


def _rates(name: str, theirs: Callable[[Family], Rate | None]) -> dict[str, Reading]:
    def read(field: str, family: Family) -> Fact:
        return _rate(field, theirs(family))

    every = ("each", "burst", "refill", "seconds", "restarts")
    return {f"budgets.{name}.{field}": partial(read, field) for field in every}


def _bounded(size: int, ours: int) -> int | None:
    """A bound that our own sandbox sets to all families is nothing that the family does."""
    return size if size < ours else None


def _aligns(theirs: Family) -> Aligns:
    return {
        Alignment.AT_ONCE: Aligns.FOLLOWS,
        Alignment.DELETES: Aligns.DROPS,
        Alignment.NEVER: Aligns.NEVER,
    }[theirs.states.alignment]


def _follows(theirs: Family) -> bool:
    """The family has proactive sync, whether or not a server of the sandbox has it switched on."""
    return "GRASP-02" in theirs.info.grasps


def _fetches(field: str) -> Reading:
    def read(theirs: Family) -> Fact:
        does = _follows(theirs) or not theirs.fetches.follows
        value: Fact = getattr(theirs.fetches, field) if does else None
        return value

    return read


def _made(theirs: Family) -> float | None:
    """Where states wait, the announcement that makes a repository starts nothing."""
    return None if theirs.states.waits else theirs.fetches.created_seconds


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
    **_rates("events", lambda theirs: theirs.limits.events),
    **_rates("repositories", lambda theirs: theirs.announcements.provisions),
    "budgets.subscriptions": lambda theirs: theirs.limits.subscriptions,
    "budgets.message_bytes": lambda t: _bounded(t.limits.message_bytes, WS_MESSAGE_BYTES),
    "budgets.content_bytes": lambda theirs: theirs.events.content_bytes,
    "budgets.push_bytes": lambda theirs: _bounded(theirs.git.body_bytes, PACK_BYTES),
    "budgets.push_objects": lambda theirs: theirs.git.pack_objects,
    "own.aligns": _aligns,
    "own.fetches.sent": _fetches("client_seconds"),
    "own.fetches.made": lambda theirs: _made(theirs) if not theirs.fetches.follows else None,
    "own.fetches.every": _fetches("every_seconds"),
    "own.fetches.a_minute": _fetches("host_starts"),
    "own.follows.seconds": _follows,
    "own.follows.a_minute": lambda t: t.fetches.host_starts if _follows(t) else None,
}
"""Each field of the reconciler's dialect, and of what it is made of, told from the sandbox's
switches."""


def leaves(kind: type, before: str = "") -> Iterator[str]:
    """The fields of a data class, and of the data classes in them (`budgets.events.burst`)."""
    for name, hint in get_type_hints(kind).items():
        inner = next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None)
        if isinstance(inner, type):
            yield from leaves(inner, f"{before}{name}.")
        else:
            yield before + name


FIELDS = tuple(leaves(Dialect))


def unread(dialect: type) -> set[str]:
    """Fields without a reading, and readings without a field."""
    return set(leaves(dialect)) ^ READINGS.keys()


def ours(preset: str) -> Dialect:
    """What the reconciler takes this family for, by what it says of itself."""
    info = PRESETS[preset].info
    return detect(RelayInfo(software=info.software, version=info.version))


def known(dialect: Dialect, field: str) -> Fact:
    """A field's value, None where it is part of what is not; of a pattern, what it lets pass,
    because spellings of it may differ; of an experience, whether there is one."""
    if field == "identifiers":
        return frozenset(filter(dialect.takes, IDENTIFIERS))
    value: Any = dialect
    for name in field.split("."):
        value = None if value is None else getattr(value, name)
    found: Fact = value
    return found is not None if field == "own.follows.seconds" else found


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("field", FIELDS)
def test_the_reconciler_knows_what_a_family_does(preset: str, field: str) -> None:
    assert known(ours(preset), field) == READINGS[field](PRESETS[preset])


def test_every_field_has_its_reading() -> None:
    assert unread(Dialect) == set()


@dataclass(frozen=True, slots=True)
class Grown(Dialect):
    tie: str = "lowest"


@dataclass(frozen=True, slots=True)
class Nested(Dialect):
    more: Grown | None = None


def test_a_new_field_without_a_reading_is_found() -> None:
    assert unread(Grown) == {"tie"}
    assert {f"more.{field}" for field in ("tie", "budgets.events.burst")} <= unread(Nested)


def test_every_dialect_is_held_against_a_preset() -> None:
    written = {found for found in vars(dialects).values() if isinstance(found, Dialect)}
    assert written == set(map(ours, PRESETS))


def test_the_identifiers_tell_the_patterns_apart() -> None:
    """Otherwise the list is too short to prove anything."""
    assert len({_hosted(theirs) for theirs in PRESETS.values()}) == 4
