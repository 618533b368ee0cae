"""Events: real ones verify, changed ones do not, and another library agrees with both."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import nostr_sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OurFault, PeerFault
from reconciler.limits import EVENT_BYTES, EVENT_TAGS, TAG_ITEMS
from reconciler.nostr import bip340
from reconciler.nostr.event import Draft, Event, Tag, newest_first, seal, verify, verify_text
from reconciler.nostr.strictjson import Json, dumps

FILE = Path(__file__).parents[1] / "vectors" / "real-events.jsonl"
REAL: list[dict[str, Json]] = [json.loads(line)["event"] for line in FILE.read_text().splitlines()]
KEY = bytes(31) + b"\7"
PUBKEY = bip340.public_key(KEY).hex()

TEXT = st.text(max_size=30)
DRAFTS = st.builds(
    Draft,
    st.just(PUBKEY),
    st.integers(0, 2**40),
    st.sampled_from([1, 1618, 30617, 30618, 65535]),
    st.lists(st.lists(TEXT, min_size=1, max_size=4).map(tuple), max_size=5).map(tuple),
    TEXT,
)


def signed(draft: Draft) -> Event:
    return seal(draft, bip340.sign(KEY, bytes.fromhex(draft.id)))


@pytest.mark.parametrize("raw", REAL, ids=lambda r: r["id"][:8])
def test_real_events_verify_and_are_written_back_the_same(raw: dict[str, Json]) -> None:
    event = verify(raw)
    assert event.to_json() == raw
    assert verify_text(dumps(raw)) == verify_text(dumps(raw).encode()) == event


def mutations(raw: dict[str, Json]) -> dict[str, dict[str, Json]]:
    """The event with one thing changed, each in turn."""
    other = "0" * 64
    changed: dict[str, Json] = {
        "id": other,
        "pubkey": other,
        "created_at": raw["created_at"] + 1,
        "kind": raw["kind"] ^ 1,
        "content": raw["content"] + " ",
        "sig": raw["sig"][:-1] + ("0" if raw["sig"][-1] != "0" else "1"),
        "tags": raw["tags"][:-1],
    }
    found = {name: {**raw, name: value} for name, value in changed.items()}
    found |= {f"no {name}": {k: v for k, v in raw.items() if k != name} for name in changed}
    found |= {f"upper {name}": {**raw, name: raw[name].upper()} for name in ("id", "pubkey", "sig")}
    for i, tag in enumerate(raw["tags"]):
        for j, item in enumerate(tag):
            tags = [list(t) for t in raw["tags"]]
            tags[i][j] = item + "x"
            found[f"tag {i} {j}"] = {**raw, "tags": tags}
    return found


@pytest.mark.parametrize("raw", REAL, ids=lambda r: r["id"][:8])
def test_every_single_change_is_refused(raw: dict[str, Json]) -> None:
    for name, changed in mutations(raw).items():
        with pytest.raises(PeerFault):
            verify(changed)
            pytest.fail(name)


FIRST = REAL[0]
SHAPES: dict[str, Json] = {
    "null": None,
    "list": [],
    "text": "x",
    "empty": {},
    "another key": {"x": 1},
    "number": 1,
    "time as bool": {**FIRST, "created_at": True},
    "time as float": {**FIRST, "created_at": 1.0},
    "negative time": {**FIRST, "created_at": -1},
    "huge time": {**FIRST, "created_at": 2**53},
    "kind as bool": {**FIRST, "kind": True},
    "kind as text": {**FIRST, "kind": "1"},
    "huge kind": {**FIRST, "kind": 65536},
    "content as null": {**FIRST, "content": None},
    "tags as map": {**FIRST, "tags": {}},
    "tag as text": {**FIRST, "tags": ["d"]},
    "number in a tag": {**FIRST, "tags": [["d", 1]]},
    "null in a tag": {**FIRST, "tags": [[None]]},
    "many tags": {**FIRST, "tags": [[]] * (EVENT_TAGS + 1)},
    "long tag": {**FIRST, "tags": [["x"] * (TAG_ITEMS + 1)]},
    "sig as number": {**FIRST, "sig": 1},
    "short sig": {**FIRST, "sig": FIRST["sig"][:-2]},
    "id as list": {**FIRST, "id": []},
    "newline": {**FIRST, "pubkey": FIRST["pubkey"] + "\n"},
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_event_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(PeerFault):
        verify(SHAPES[name])


def test_unknown_fields_are_dropped() -> None:
    assert verify({**FIRST, "extra": [1.5]}).to_json() == FIRST


def test_too_large_a_text_is_refused_unread() -> None:
    with pytest.raises(PeerFault, match="larger"):
        verify_text("[" * (EVENT_BYTES + 1))


def test_only_verify_makes_events() -> None:
    with pytest.raises(OurFault):
        Event(**{**FIRST, "tags": ()})
    with pytest.raises(PeerFault):
        seal(Draft(PUBKEY, 1, 1, ()), bytes(64))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
)


@given(st.dictionaries(st.sampled_from(list(FIRST)), JSON | st.just("a" * 64), max_size=7) | JSON)
def test_arbitrary_json_raises_only_peer_faults(raw: Json) -> None:
    with contextlib.suppress(PeerFault):
        verify(raw)
    with contextlib.suppress(PeerFault):
        verify({**FIRST, **raw} if isinstance(raw, dict) else raw)


def test_values_of_tags_come_in_their_order() -> None:
    event = signed(Draft(PUBKEY, 1, 1, (("a", "1"), ("b",), (), ("a", "2", "x"))))
    assert event.values("a") == ("1", "2")
    assert event.first("a") == "1"
    assert event.first("b") is None


def test_newest_first_breaks_ties_by_id() -> None:
    events = [signed(Draft(PUBKEY, at, 1, (), text)) for at in (1, 2) for text in ("a", "b", "c")]
    ordered = sorted(events, key=newest_first)
    assert [e.created_at for e in ordered] == [2, 2, 2, 1, 1, 1]
    assert [e.id for e in ordered[:3]] == sorted(e.id for e in ordered[:3])


# --- a second opinion: rust-nostr ------------------------------------------------------------


@given(DRAFTS)
def test_rust_nostr_verifies_what_we_sign(draft: Draft) -> None:
    theirs = nostr_sdk.Event.from_json(dumps(signed(draft).to_json()))
    assert theirs.verify()
    assert theirs.id().to_hex() == draft.id


@given(DRAFTS)
def test_we_verify_what_rust_nostr_signs(draft: Draft) -> None:
    keys = nostr_sdk.Keys.parse(KEY.hex())
    tags = [nostr_sdk.Tag.parse(list(tag)) for tag in draft.tags if tag]
    builder = nostr_sdk.EventBuilder(nostr_sdk.Kind(draft.kind), draft.content).tags(tags)
    at = nostr_sdk.Timestamp.from_secs(draft.created_at)
    theirs = builder.custom_created_at(at).finalize(keys)
    ours = verify_text(theirs.as_json())
    assert ours.id == theirs.id().to_hex()
    assert (ours.content, ours.created_at, ours.pubkey) == (draft.content, draft.created_at, PUBKEY)


@pytest.mark.parametrize("raw", REAL, ids=lambda r: r["id"][:8])
def test_rust_nostr_agrees_on_the_real_events(raw: dict[str, Json]) -> None:
    assert nostr_sdk.Event.from_json(dumps(raw)).verify()


EXPIRATIONS: dict[str, int | None] = {
    "1600000000": 1_600_000_000,
    "0": 0,
    "0" * 16 + "1": 1,
    "0" * 5000: 0,
    "9" * 15: 10**15 - 1,
    **dict.fromkeys(("1" + "0" * 15, "9" * 5000), None),  # it never comes
    **dict.fromkeys(("", "soon", "-1", "+5", " 5", "5\n", "1.5", "1e3", "²", "٣"), None),
}


@pytest.mark.parametrize("value", EXPIRATIONS, ids=ascii)
def test_an_expiration_is_a_number_of_seconds_in_digits(value: str) -> None:
    event = signed(Draft(PUBKEY, 1, 1, (("expiration", value),)))
    assert event.expires == EXPIRATIONS[value]


def test_the_first_expiration_that_has_a_value_counts() -> None:
    tags = (("expiration",), ("expiration", "7", "x"), ("expiration", "5"))
    assert signed(Draft(PUBKEY, 1, 1, tags)).expires == 7
    assert signed(Draft(PUBKEY, 1, 1, ())).expires is None


def test_an_event_is_protected_by_a_tag_of_that_name_whatever_else_it_holds() -> None:
    named: tuple[Tag, ...] = (("-",), ("-", ""), ("-", "x", "y"))
    others: tuple[Tag, ...] = ((), ("",), ("--",), ("t", "-"), ("−",))
    for tag in named:
        assert signed(Draft(PUBKEY, 1, 1, (("t", "x"), tag))).is_protected
    for tag in others:
        assert not signed(Draft(PUBKEY, 1, 1, (tag,))).is_protected


@pytest.mark.parametrize("tag", [("-",), ("t", "-"), ("expiration", "0" * 16 + "1")], ids=str)
def test_rust_nostr_agrees_about_what_nobody_else_may_send_and_what_is_over(
    tag: Tag,
) -> None:
    event = signed(Draft(PUBKEY, 1, 1, (tag,)))
    judge = nostr_sdk.Event.from_json(dumps(event.to_json()))
    assert judge.is_protected() is event.is_protected
    assert judge.is_expired() is (event.expires is not None)
