"""What stands in public texts is read alike by the reconciler and by a server of the sandbox: which
versions a deletion ends (NIP-09, by NIP-01's addresses), and which events have expired (NIP-40) or
are their author's alone to send (NIP-70)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.facts.knowledge import Knowledge
from reconciler.nostr import kinds
from reconciler.nostr.event import Event, Tag
from reconciler.nostr.filters import Filter
from reconciler.sandbox.events.store import Store
from reconciler.sandbox.family.rules import EventRules
from reconciler.sandbox.policy.acceptance import unfit
from tests.kit.people import ALICE, EPOCH

ANNOUNCED = ALICE.announce("widget")
LISTED = ALICE.sign(kinds.GRASP_LIST, ("g", "wss://alpha.example"))

DELETIONS: dict[str, tuple[Event, str, bool]] = {
    "its address": (ANNOUNCED, f"30617:{ALICE.pubkey}:widget", True),
    "a leading zero": (ANNOUNCED, f"030617:{ALICE.pubkey}:widget", False),
    "capitals": (ANNOUNCED, f"30617:{ALICE.pubkey.upper()}:widget", False),
    "another d": (ANNOUNCED, f"30617:{ALICE.pubkey}:widget:", False),
    "a list's address": (LISTED, f"10317:{ALICE.pubkey}:", True),
    "a list's address without its last colon": (LISTED, f"10317:{ALICE.pubkey}", False),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "events.sqlite")
    yield found
    found.close()


@pytest.mark.parametrize("name", DELETIONS)
def test_both_sides_delete_by_the_same_addresses(store: Store, name: str) -> None:
    event, address, dies = DELETIONS[name]
    deletion = ALICE.sign(kinds.DELETION, ("a", address), at=5)
    store.add(event)
    store.delete(deletion)
    assert store.has(event.id) is not dies
    assert (event.id in Knowledge.of([event, deletion], now=EPOCH + 9).live) is not dies


EXPIRATIONS = {
    **dict.fromkeys((str(EPOCH), "0", "00", "5", "0" * 16 + "1", "0" * 5000 + "5"), True),
    **dict.fromkeys((str(EPOCH + 1), "9" * 15, "9" * 16, "1" * 17, "9" * 5000), False),
    **dict.fromkeys(("", "soon", "-1", "+5", " 5", "5\n", "1.5", "0x5", "²", "٣", "1_0"), False),
}


@pytest.mark.parametrize("value", EXPIRATIONS, ids=ascii)
def test_both_sides_let_the_same_events_expire(store: Store, value: str) -> None:
    event = ALICE.sign(kinds.NOTE, ("expiration", value))
    expired = EXPIRATIONS[value]
    store.add(event)
    assert (unfit(EventRules(), event, now=EPOCH, author_present=False) is not None) is expired
    assert (not store.events(Filter(), now=EPOCH)) is expired
    assert (event.id not in Knowledge.of([event], now=EPOCH).live) is expired


PROTECTIONS: dict[Tag, bool] = {
    ("-",): True,
    ("-", ""): True,
    ("-", "x"): True,
    ("--",): False,
    ("", "-"): False,
    ("t", "-"): False,
    (): False,
}


@pytest.mark.parametrize("tag", PROTECTIONS, ids=str)
def test_both_sides_protect_the_same_events(tag: Tag) -> None:
    event = ALICE.sign(kinds.NOTE, ("t", "x"), tag)
    protected = PROTECTIONS[tag]
    assert (unfit(EventRules(), event, now=EPOCH, author_present=False) is not None) is protected
    assert (event.id not in Knowledge.of([event], now=EPOCH).live) is protected
