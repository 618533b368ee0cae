"""What stands in public texts is read alike by the reconciler and by a server of the sandbox: which
versions a deletion ends (NIP-09 by NIP-01's addresses)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.knowledge import digest
from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.sandbox.storage.store import Store
from tests.build import ALICE, EPOCH

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
    assert (event.id in digest([event, deletion], now=EPOCH + 9).live) is not dies
