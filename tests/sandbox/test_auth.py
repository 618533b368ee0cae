"""NIP-42 as values: what proves a client's identity, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from reconciler.nostr.event import Tag
from reconciler.sandbox.family.words import AuthWords
from reconciler.sandbox.policy.acceptance import AUTH, AUTH_SECONDS, auth_refusal
from tests.kit.servers import ALICE, NOW

SERVER = "http://127.0.0.1:4000"
GOOD: dict[str, Tag] = {
    "relay": ("relay", "ws://127.0.0.1:4000/"),
    "challenge": ("challenge", "abc"),
}


def judged(
    change: Mapping[str, Tag | None] = MappingProxyType({}),
    *,
    kind: int = AUTH,
    at: int = NOW,
) -> str | None:
    found = [tag for tag in {**GOOD, **change}.values() if tag]
    event = ALICE.sign(kind, *found, at=at)
    return auth_refusal(AuthWords(), event, challenge="abc", server=SERVER, now=NOW)


def test_the_answer_to_the_challenge_is_taken() -> None:
    assert judged() is None
    assert judged(at=NOW - AUTH_SECONDS) is None


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("another challenge", {"challenge": ("challenge", "abd")}),
        ("another challenge", {"challenge": None}),
        ("another relay", {"relay": ("relay", "wss://elsewhere.example")}),
        ("no URL", {"relay": ("relay", "nonsense")}),
        ("no URL", {"relay": None}),
    ],
)
def test_other_tags_prove_nothing(reason: str, change: dict[str, Tag | None]) -> None:
    assert reason in (judged(change) or "")


def test_other_kinds_and_times_prove_nothing() -> None:
    assert "no authentication" in (judged(kind=1) or "")
    assert "too far" in (judged(at=NOW + AUTH_SECONDS + 1) or "")
