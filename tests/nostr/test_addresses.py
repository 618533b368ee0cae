"""Addresses: one spelling each, of replaceable events alone; only an author deletes by them."""

from __future__ import annotations

import pytest

from reconciler.nostr import kinds
from reconciler.nostr.addresses import Address, address_of, deleted_by, named_by, parse
from reconciler.nostr.nip34 import Coordinate, parse_coordinate
from tests.kit.people import ALICE, BOB

A, B = ALICE.pubkey, BOB.pubkey

READ = {
    f"30617:{A}:widget": Address(30617, A, "widget"),
    f"30618:{A}:": Address(30618, A, ""),
    f"30000:{A}:a:b:": Address(30000, A, "a:b:"),
    f"39999:{A}: ü/%20": Address(39999, A, " ü/%20"),
    f"10317:{A}:": Address(10317, A, ""),
    f"0:{A}:": Address(0, A, ""),
    f"3:{A}:": Address(3, A, ""),
}

UNREAD = {
    "nothing": "",
    "an event's id": "a" * 64,
    "one colon": f"30617:{A}",
    "a replaceable one with one colon": f"10317:{A}",
    "a replaceable one with d": f"10317:{A}:x",
    "a regular kind": f"1621:{A}:x",
    "an ephemeral kind": f"20001:{A}:x",
    "a kind that is none": f"70000:{A}:x",
    "digits without end": "9" * 5000 + f":{A}:x",
    "a leading zero": f"030617:{A}:widget",
    "a sign": f"+30617:{A}:widget",
    "a space": f" 30617:{A}:widget",
    "digits of another script": f"３0617:{A}:widget",
    "capitals": f"30617:{A.upper()}:widget",
    "a short pubkey": f"30617:{A[:-1]}:widget",
    "a long pubkey": f"30617:{A}0:widget",
    "no pubkey": "30617::widget",
    "no kind": f":{A}:widget",
}


@pytest.mark.parametrize("text", READ)
def test_an_address_is_read_and_written_back(text: str) -> None:
    assert parse(text) == READ[text]
    assert str(READ[text]) == text


@pytest.mark.parametrize("why", UNREAD)
def test_what_is_no_address_is_none(why: str) -> None:
    assert parse(UNREAD[why]) is None


def test_the_address_of_an_event() -> None:
    assert str(address_of(ALICE.announce("widget"))) == f"30617:{A}:widget"
    assert str(address_of(ALICE.state("a:b", {}))) == f"30618:{A}:a:b"
    assert address_of(ALICE.sign(30_000)) == Address(30_000, A, "")
    assert address_of(ALICE.sign(kinds.GRASP_LIST, ("d", "x"))) == Address(kinds.GRASP_LIST, A, "")
    assert address_of(ALICE.sign(kinds.ISSUE, ("d", "x"))) is None
    assert address_of(ALICE.sign(20_000, ("d", "x"))) is None


def test_every_address_of_an_event_can_be_read() -> None:
    for event in (ALICE.announce("a:b"), ALICE.state("w", {}), BOB.sign(kinds.PROFILE)):
        assert parse(str(address_of(event))) == address_of(event)


def test_a_deletion_names_addresses_and_deletes_its_author_s() -> None:
    tags = (
        ("a", f"30617:{A}:w"),
        ("a", f"30617:{B}:w"),
        ("a", f"0{30617}:{A}:w"),
        ("q", f"0:{A}:"),
    )
    deletion = ALICE.sign(kinds.DELETION, *tags)
    assert named_by(deletion) == (Address(30617, A, "w"), Address(30617, B, "w"))
    assert deleted_by(deletion) == (Address(30617, A, "w"),)


def test_a_coordinate_is_the_address_of_an_announcement() -> None:
    assert parse_coordinate(f"30617:{A}:a:b") == Coordinate(A, "a:b")
    assert str(Coordinate(A, "a:b")) == f"30617:{A}:a:b"
    for text in (f"30618:{A}:w", f"30617:{A}:", f"030617:{A}:w", f"30617:{A}"):
        assert parse_coordinate(text) is None
