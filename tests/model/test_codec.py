"""Saved plans: what is read is what was written, and nothing else is read.

The digest covers what a plan would do: every field of every action but times and sources.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OurFault, UserFault
from reconciler.git.receive_pack import RefUpdate
from reconciler.limits import SAVED_PLAN_BYTES
from reconciler.model.actions import Action, Publish, Push, Sign, Wave, Why
from reconciler.model.codec import (
    canonical,
    contract_of,
    digest,
    plan_from_json,
    plan_to_json,
    pretty,
)
from reconciler.model.plan import (
    CellVerdict,
    Entry,
    Hold,
    HoldReason,
    Plan,
    RepositorySummary,
    ServerSummary,
    Unmatched,
    Verdict,
)
from reconciler.nostr.event import Draft
from reconciler.nostr.nip34 import Coordinate
from reconciler.nostr.strictjson import Json

# --- any plan that fits the schema -------------------------------------------------------------

TEXT = st.text(max_size=8)
HEX = st.sampled_from(["a" * 64, "0" * 64, "3f" * 32])
OIDS = st.sampled_from(["0" * 40, "1" * 40, "2" * 40])
URLS = st.sampled_from(["https://alpha.example", "http://127.0.0.1:80/x"])
COORDINATES = st.builds(
    Coordinate, HEX, st.text(min_size=1, max_size=8).filter(lambda t: not t.startswith("\n"))
)
UPDATES = st.builds(RefUpdate, st.sampled_from(["refs/heads/é", "refs/tags/v1"]), OIDS, OIDS)
TUPLES = st.lists(TEXT, max_size=3).map(tuple)
DRAFTS = st.builds(
    Draft,
    HEX,
    st.integers(0, 2**40),
    st.sampled_from([30617, 30618]),
    st.lists(TUPLES, max_size=3).map(tuple),
    TEXT,
)
SIGNS = st.builds(
    Sign,
    coordinate=COORDINATES,
    signer=TEXT,
    before=st.none() | HEX,
    adds=st.lists(URLS, max_size=2).map(tuple),
    draft=DRAFTS,
    why=st.sampled_from(Why),
    added=st.lists(TUPLES, max_size=2).map(tuple),
    dropped=st.lists(TUPLES, max_size=2).map(tuple),
    source=st.just("") | URLS,
)
PUBLISHES = st.builds(
    Publish,
    coordinate=COORDINATES,
    server=URLS,
    event_id=HEX,
    kind=st.integers(0, 65535),
    wave=st.sampled_from([wave for wave in Wave if wave is not Wave.SIGN]),
    why=st.sampled_from(Why),
    before=st.none() | HEX,
    signed=st.booleans(),
    aligns=st.lists(UPDATES, max_size=2).map(tuple),
)
PUSHES = st.builds(
    Push,
    coordinate=COORDINATES,
    server=URLS,
    updates=st.lists(UPDATES, min_size=1, max_size=2).map(tuple),
    sources=st.lists(URLS, max_size=2).map(tuple),
    wave=st.sampled_from([Wave.PUSH, Wave.PULLS]),
    why=st.sampled_from(Why),
)
SUMMARIES = st.builds(
    RepositorySummary,
    coordinate=COORDINATES,
    name=TEXT,
    announcement=HEX,
    state=st.none() | HEX,
    authority=st.lists(HEX, max_size=2).map(tuple),
    refs=st.integers(0, 9),
    events=st.integers(0, 9),
)
SERVERS = st.builds(
    ServerSummary,
    url=URLS,
    name=TEXT,
    grasp=st.booleans(),
    dialect=TEXT,
    software=TEXT,
    unknown=st.none() | TEXT,
)
HOLDS = st.builds(
    Hold,
    coordinate=COORDINATES,
    server=st.none() | URLS,
    reason=st.sampled_from(HoldReason),
    detail=TEXT,
    release=TEXT,
    accepted=st.booleans(),
)
UNMATCHED = st.builds(Unmatched, st.sampled_from(Entry), TEXT, TUPLES)
CELLS = st.builds(CellVerdict, COORDINATES, URLS, st.sampled_from(Verdict), TEXT, st.integers(0, 9))


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=3).map(tuple)


PLANS = st.builds(
    Plan,
    desired_digest=HEX,
    created_at=st.integers(0, 2**40),
    repositories=several(SUMMARIES),
    servers=several(SERVERS),
    actions=several(SIGNS | PUBLISHES | PUSHES),
    holds=several(HOLDS),
    cells=several(CELLS),
    discovered=several(URLS),
    silent=several(TEXT),
    unmatched=several(UNMATCHED),
)


def saved(plan: Plan) -> bytes:
    return pretty(plan_to_json(plan)).encode()


@given(PLANS)
def test_a_plan_that_is_read_back_is_the_same(plan: Plan) -> None:
    assert plan_from_json(saved(plan), place="plan.json") == plan


# --- one rich plan -----------------------------------------------------------------------------

ALICE = Coordinate("a" * 64, "widget")
UPDATE = RefUpdate("refs/heads/main", "1" * 40, "2" * 40)
GAMMA = "https://gamma.example"
DRAFT = Draft("a" * 64, 1_700_000_000, 30617, (("d", "widget"), ("x", "é \x1b[1m")), "text")
SIGN = Sign(coordinate=ALICE, signer="key", before="b" * 64, adds=(GAMMA,), draft=DRAFT)
FRESH = Publish(
    coordinate=ALICE,
    server=GAMMA,
    event_id=DRAFT.id,
    kind=30617,
    wave=Wave.ANNOUNCE,
    why=Why.LISTS_SERVER,
    signed=True,
)
STATE = Publish(
    coordinate=ALICE,
    server=GAMMA,
    event_id="c" * 64,
    kind=30618,
    wave=Wave.STATE,
    why=Why.STATE_OUTDATED,
    before="e" * 64,
    aligns=(UPDATE,),
)
PUSH = Push(
    coordinate=ALICE,
    server=GAMMA,
    updates=(UPDATE,),
    sources=("https://alpha.example",),
    wave=Wave.PUSH,
    why=Why.REFS_DIFFER,
)
PLAN = Plan(
    desired_digest="d" * 64,
    created_at=1_700_000_000,
    repositories=(
        RepositorySummary(
            coordinate=ALICE,
            name="alice/widget",
            announcement="b" * 64,
            state=None,
            authority=("a" * 64,),
            refs=1,
            events=0,
        ),
    ),
    servers=(
        ServerSummary(
            url=GAMMA, name="gamma.example", grasp=True, dialect="spec", software="", unknown=None
        ),
    ),
    actions=(SIGN, FRESH, STATE, PUSH),
    holds=(
        Hold(
            coordinate=ALICE, server=None, reason=HoldReason.TIE, detail="detail", release="release"
        ),
    ),
    cells=(CellVerdict(ALICE, GAMMA, Verdict.DRIFTED, "", 1),),
)


def document() -> Json:
    return json.loads(saved(PLAN))


def read(raw: Json) -> Plan:
    return plan_from_json(json.dumps(raw).encode(), place="plan.json")


def test_the_rich_plan_survives() -> None:
    assert read(document()) == PLAN
    assert document()["digest"] == digest(PLAN)


def test_a_file_ends_with_a_newline_and_is_ascii() -> None:
    assert saved(PLAN).endswith(b"}\n")
    assert saved(PLAN).isascii()


def edited(*path: str | int, value: Json) -> Json:
    """The document with one value replaced."""
    raw = inner = document()
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return raw


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "not JSON": (b"{", "not JSON"),
    "not UTF-8": (b'"\xff"', "not JSON"),
    "deep": (b"[" * 100_000, "not JSON"),
    "deep inside": (b'{"x":' + b"[" * 900 + b"]" * 900 + b"}", "plan.json"),
    "a list": (b"[]", "is not of type 'object'"),
    "null": (b"null", "is not of type 'object'"),
    "huge": (b" " * (SAVED_PLAN_BYTES + 1), "larger than"),
    "not a number": (json.dumps(edited("created_at", value=float("nan"))).encode(), "integer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plan(name: str) -> None:
    text, words = REFUSED[name]
    with pytest.raises(UserFault, match=words) as caught:
        plan_from_json(text, place="plan.json")
    assert all(
        m.place == "plan.json" and "reconcile --plan" in m.remedy for m in caught.value.mistakes
    )


TAMPERED: dict[str, Json] = {
    "extra key": edited("extra", value=1),
    "extra key in an action": edited("actions", 3, "force", value=True),
    "extra key in an update": edited("actions", 3, "updates", 0, "force", value=True),
    "another version": edited("version", value=2),
    "a version as text": edited("version", value="1"),
    "another kind of action": edited("actions", 3, "action", value="shell"),
    "another digest": edited("digest", value="0" * 64),
    "incomplete made complete and the other way": edited("complete", value=False),
    "a cell that was unknown": edited("cells", 0, "verdict", value="unknown"),
    "no digest": {k: v for k, v in document().items() if k != "digest"},
    "another target": edited("actions", 3, "updates", 0, "new", value="3" * 40),
    "another precondition": edited("actions", 3, "updates", 0, "old", value="3" * 40),
    "another ref": edited("actions", 3, "updates", 0, "name", value="refs/heads/other"),
    "a foreign ref": edited("actions", 3, "updates", 0, "name", value="refs/notes/x"),
    "another server": edited("actions", 3, "server", value="https://evil.example"),
    "another event": edited("actions", 2, "event_id", value="f" * 64),
    "another content to sign": edited("actions", 0, "draft", "content", value="other"),
    "another kind to sign": edited("actions", 0, "draft", "kind", value=1),
    "another tag to sign": edited("actions", 0, "draft", "tags", 0, value=["d", "gadget"]),
    "another desired state": edited("desired_digest", value="0" * 64),
    "an action less": edited("actions", value=document()["actions"][:-1]),
    "an action twice": edited("actions", value=document()["actions"] * 2),
    "another order": edited("actions", value=document()["actions"][::-1]),
    "a coordinate of nobody": edited("holds", 0, "coordinate", value="30617:x:y"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_plan_that_was_tampered_with_is_refused(name: str) -> None:
    with pytest.raises(UserFault):
        read(TAMPERED[name])


def test_all_faults_of_a_document_come_at_once() -> None:
    raw = edited("extra", value=1) | {"created_at": "now", "cells": {}}
    with pytest.raises(UserFault) as caught:
        read(raw)
    assert len(caught.value.mistakes) == 3


def test_we_never_write_what_does_not_fit_the_schema() -> None:
    with pytest.raises(OurFault):
        plan_to_json(replace(PLAN, desired_digest="short"))


# --- the digest --------------------------------------------------------------------------------


def with_action(old: Action, **changed: Any) -> Plan:
    new = replace(old, **changed)
    return replace(PLAN, actions=tuple(new if a is old else a for a in PLAN.actions))


def with_draft(**changed: Any) -> Plan:
    return with_action(SIGN, draft=replace(DRAFT, **changed))


OTHER = Coordinate("b" * 64, "widget")
SAME: dict[str, Callable[[], Plan]] = {
    "made later": lambda: replace(PLAN, created_at=1),
    "drafted later": lambda: with_draft(created_at=1),
    "the id that a draft gets later": lambda: with_action(FRESH, event_id="f" * 64),
    "other sources": lambda: with_action(PUSH, sources=()),
    "other words for people": lambda: replace(PLAN, holds=(), cells=(), servers=(), silent=("x",)),
}
DIFFERENT: dict[str, Callable[[], Plan]] = {
    "a server that did not answer": lambda: replace(
        PLAN, servers=(replace(PLAN.servers[0], unknown="timed-out"),)
    ),
    "desired state": lambda: replace(PLAN, desired_digest="e" * 64),
    "fewer actions": lambda: replace(PLAN, actions=PLAN.actions[1:]),
    "order": lambda: replace(PLAN, actions=PLAN.actions[::-1]),
    **{
        f"draft {name}": partial(with_draft, **{name: value})
        for name, value in {
            "pubkey": "b" * 64,
            "kind": 1,
            "tags": (("d", "widget"),),
            "content": "",
        }.items()
    },
    **{
        f"{type(action).__name__} {name}": partial(with_action, action, **{name: value})
        for action, fields in (
            (SIGN, {"coordinate": OTHER, "signer": "x", "before": "", "adds": ()}),
            (FRESH, {"server": "", "signed": False}),
            (
                STATE,
                {
                    "coordinate": OTHER,
                    "server": "",
                    "event_id": "f" * 64,
                    "kind": 1,
                    "wave": Wave.ANNOUNCE,
                    "why": Why.STATE_MISSING,
                    "before": None,
                    "aligns": (),
                },
            ),
            (
                PUSH,
                {
                    "coordinate": OTHER,
                    "server": "",
                    "updates": (),
                    "wave": Wave.ROOTS,
                    "why": Why.PULL_REF_MISSING,
                },
            ),
        )
        for name, value in fields.items()
    },
}


@pytest.mark.parametrize("name", SAME)
def test_the_digest_is_stable_under(name: str) -> None:
    assert SAME[name]() != PLAN
    assert digest(SAME[name]()) == digest(PLAN)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_digest_changes_with(name: str) -> None:
    assert digest(DIFFERENT[name]()) != digest(PLAN)


def test_the_digest_is_pinned() -> None:
    """Plans that wait for review outlive a release; a change here makes all of them stale."""
    assert digest(replace(PLAN, actions=(PUSH,))) == PINNED


PINNED = "78f7e9f86fba20b01a69333f4e3b7c7cae6a53e035eec3b5c24a3737da446b64"


def test_a_contract_is_json_and_leaves_the_action_alone() -> None:
    before = document()
    assert all(json.loads(canonical(contract_of(a))) == contract_of(a) for a in PLAN.actions)
    assert document() == before
    assert canonical({"b": 1, "a": [2]}) == b'{"a":[2],"b":1}'
