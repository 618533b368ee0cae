"""The recursive closure of `maintainers` (v1)."""

from __future__ import annotations

from reconciler.nostr import kinds, nip34
from reconciler.nostr.nip34 import Announcement
from reconciler.sandbox.policy.maintainers import Announced, announced
from tests.kit.servers import ALICE, BOB, CAROL, MALLORY, NOW, Person


def says(author: Person, *invited: Person, at: int = NOW) -> Announcement:
    tags = ("d", "w"), ("maintainers", *(p.pubkey for p in invited), "no hex")
    return nip34.announcement(author.sign(kinds.ANNOUNCEMENT, *tags, at=at))


def names(found: Announced, owner: Person) -> set[str]:
    people = {p.pubkey: p.name for p in (ALICE, BOB, CAROL, MALLORY)}
    return {people[key] for key in found.authority(owner.pubkey)}


def test_closure_is_recursive_and_survives_circles() -> None:
    found = announced("w", [says(ALICE, BOB), says(BOB, CAROL, ALICE), says(MALLORY, ALICE)])
    assert names(found, ALICE) == {"alice", "bob", "carol"}
    assert names(found, BOB) == {"alice", "bob", "carol"}
    assert names(found, MALLORY) == {"mallory", "alice", "bob", "carol"}
    assert names(found, CAROL) == set()  # invited, but announced nothing
    assert set(found.owners_for(CAROL.pubkey)) == {p.pubkey for p in (ALICE, BOB, MALLORY)}
    assert found.owners_for(MALLORY.pubkey) == (MALLORY.pubkey,)


def test_newest_announcement_of_an_owner_counts() -> None:
    found = announced("w", [says(ALICE, BOB), says(ALICE, CAROL, at=NOW + 1)])
    assert names(found, ALICE) == {"alice", "carol"}


def test_only_the_first_maintainers_tag_is_read() -> None:
    tags = ("d", "w"), ("maintainers", BOB.pubkey), ("maintainers", CAROL.pubkey)
    found = announced("w", [nip34.announcement(ALICE.sign(kinds.ANNOUNCEMENT, *tags))])
    assert names(found, ALICE) == {"alice", "bob"}


def test_an_announcement_invites_whom_it_names() -> None:
    found = announced("w", [says(ALICE, BOB)])
    assert found.invites(BOB.pubkey, own_counts=False)
    assert not found.invites(ALICE.pubkey, own_counts=False)
    assert found.invites(ALICE.pubkey, own_counts=True)
    assert not found.invites(MALLORY.pubkey, own_counts=True)


def test_with_roles_an_invitation_counts_once_it_is_answered() -> None:
    known = [says(ALICE, BOB), says(BOB, CAROL), says(CAROL, BOB)]
    assert names(announced("w", known, roles=True), ALICE) == {"alice"}
    back = says(BOB, CAROL, ALICE, at=NOW + 1)
    assert names(announced("w", [*known, back], roles=True), ALICE) == {"alice", "bob", "carol"}


def test_an_answer_to_somebody_who_joins_later_counts() -> None:
    """Carol is invited by Alice and names Bob, who is a maintainer only one step later."""
    known = [says(ALICE, BOB, CAROL), says(CAROL, BOB), says(BOB, ALICE)]
    assert names(announced("w", known, roles=True), ALICE) == {"alice", "bob", "carol"}
