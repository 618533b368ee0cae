"""NIP-34: announcements and states as real clients write them, and as nobody should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PeerFault
from reconciler.nostr import bip340, kinds, nip34, urls
from reconciler.nostr.event import Draft, Event, Tag, seal, verify
from reconciler.nostr.nip34 import Coordinate

FILE = Path(__file__).parents[1] / "vectors" / "real-events.jsonl"
REAL = [verify(json.loads(line)["event"]) for line in FILE.read_text().splitlines()]
KEY = bytes(31) + b"\7"
OWNER = bip340.public_key(KEY).hex()
A, B, C = "aa" * 32, "bb" * 32, "cc" * 32
OID, OID2 = "1" * 40, "2" * 40
ONE, TWO = "https://one.example", "https://two.example"


def event(kind: int, *tags: Tag, content: str = "", at: int = 1000) -> Event:
    draft = Draft(OWNER, at, kind, tags, content)
    return seal(draft, bip340.sign(KEY, bytes.fromhex(draft.id)))


def announce(*tags: Tag, content: str = "") -> nip34.Announcement:
    return nip34.announcement(event(kinds.ANNOUNCEMENT, ("d", "widget"), *tags, content=content))


def clone(*servers: str) -> Tag:
    return ("clone", *(urls.clone(server, OWNER, "widget") for server in servers))


def relays(*servers: str) -> Tag:
    return ("relays", *map(urls.relay, servers))


# --- real ones -------------------------------------------------------------------------------


@pytest.mark.parametrize("found", REAL, ids=lambda e: e.id[:8])
def test_real_announcements_and_states_are_read(found: Event) -> None:
    if found.kind == kinds.STATE:
        state = nip34.state(found)
        assert state.refs == tuple(sorted(state.refs))
        assert all(nip34.is_oid(oid) for _, oid in state.refs)
    else:
        read = nip34.announcement(found)
        assert read.coordinate == Coordinate(found.pubkey, found.first("d") or "")
        assert found.pubkey not in read.maintainers


def test_the_servers_of_a_real_announcement() -> None:
    found = next(e for e in REAL if e.id.startswith("13db0138"))
    assert nip34.announcement(found).servers() == {"https://relay.ngit.dev", "https://gitnostr.com"}


# --- announcements ---------------------------------------------------------------------------


def test_a_coordinate_is_read_back_from_its_text() -> None:
    coordinate = Coordinate(A, "x:y")
    assert nip34.parse_coordinate(str(coordinate)) == coordinate
    for text in ("", "30617", f"30617:{A}", f"30617:{A}:", f"30618:{A}:x", "30617:zz:x", f":{A}:x"):
        assert nip34.parse_coordinate(text) is None


@pytest.mark.parametrize("identifier", ["", ".", "..", "a/b", "a\\b", "a\0b", "x" * 201, "é" * 101])
def test_identifiers_that_no_server_can_host(identifier: str) -> None:
    for kind, read in ((kinds.ANNOUNCEMENT, nip34.announcement), (kinds.STATE, nip34.state)):
        with pytest.raises(PeerFault):
            read(event(kind, ("d", identifier)))


def test_other_kinds_and_no_identifier() -> None:
    for found in (
        event(1, ("d", "x")),
        event(kinds.ANNOUNCEMENT),
        event(kinds.ANNOUNCEMENT, ("d",)),
    ):
        with pytest.raises(PeerFault):
            nip34.announcement(found)


SERVERS: dict[str, tuple[list[Tag], set[str]]] = {
    "both": ([clone(ONE, TWO), relays(ONE, TWO)], {ONE, TWO}),
    "clone alone": ([clone(ONE, TWO), relays(TWO)], {TWO}),
    "relay alone": ([clone(ONE), relays(ONE, TWO)], {ONE}),
    "several tags": ([clone(ONE), clone(TWO), relays(ONE), relays(TWO)], {ONE, TWO}),
    "other spelling": ([clone(ONE), ("relays", "WSS://One.example:443/")], {ONE}),
    "unreadable": (
        [clone(ONE), ("clone", "::", "git@x:y"), ("relays", "x", "wss://one.example")],
        {ONE},
    ),
    "foreign": (
        [("clone", "https://github.com/a/widget.git"), relays("https://github.com")],
        set(),
    ),
    "other repository": ([("clone", urls.clone(ONE, OWNER, "gadget")), relays(ONE)], set()),
    "other owner": ([("clone", urls.clone(ONE, A, "widget")), relays(ONE)], set()),
    "nothing": ([], set()),
    "no values": ([("clone",), ("relays",)], set()),
}


@pytest.mark.parametrize("name", SERVERS)
def test_an_announcement_lists_servers_by_clone_and_relay(name: str) -> None:
    tags, expected = SERVERS[name]
    assert announce(*tags).servers() == expected


MAINTAINERS: dict[str, tuple[list[Tag], tuple[str, ...]]] = {
    "none": ([], ()),
    "v1": ([("maintainers", A, B)], (A, B)),
    "v1 twice": ([("maintainers", A), ("maintainers", B, A)], (A, B)),
    "owner left out": ([("maintainers", OWNER, A)], (A,)),
    "no keys": ([("maintainers", "x", A.upper(), "", A + "\n")], ()),
    "v3": ([("M", A), ("m", B)], (A, B)),
    "v3 beats v1": ([("maintainers", C), ("M", A)], (A,)),
    "observers": ([("o", A), ("m", B)], (B,)),
    "observers alone beat v1": ([("o", A), ("maintainers", C)], ()),
    "started": ([("m", A, "100")], (A,)),
    "ended": ([("m", A, "100", "200")], ()),
    "again": ([("m", A, "100", "200", "300")], (A,)),
    "no value": ([("m",), ("maintainers", A)], (A,)),
}


@pytest.mark.parametrize("name", MAINTAINERS)
def test_maintainers_are_read_from_their_tag(name: str) -> None:
    tags, expected = MAINTAINERS[name]
    assert announce(*tags).maintainers == expected


def test_only_private_true_means_private() -> None:
    assert announce(("private", "true")).private
    assert not announce(("private", "yes")).private


# --- states ----------------------------------------------------------------------------------


def state(*tags: Tag) -> nip34.State:
    return nip34.state(event(kinds.STATE, ("d", "widget"), *tags))


def test_a_state_names_its_refs_and_head() -> None:
    read = state(
        ("refs/tags/v1", OID2),
        ("refs/heads/main", OID),
        ("refs/tags/v1^{}", OID),
        ("HEAD", "ref: refs/heads/main"),
        ("refs/nostr/x", OID),
        ("refs/heads/a..b", OID),
        ("refs/pull/1", "x"),
        ("refs/heads/lone",),
        (),
    )
    assert read.refs == (("refs/heads/main", OID), ("refs/tags/v1", OID2))
    assert read.head == "refs/heads/main"


def test_an_empty_state_says_that_there_are_no_refs() -> None:
    assert (state().identifier, state().refs, state().head) == ("widget", (), None)


@pytest.mark.parametrize(
    "value", ["", "x", OID[:-1], OID + "1", OID.upper().replace("1", "A"), "ref: refs/heads/x"]
)
def test_half_a_state_is_none(value: str) -> None:
    with pytest.raises(PeerFault, match="not an object id"):
        state(("refs/heads/good", OID), ("refs/heads/bad", value))


def test_one_ref_with_two_values_is_refused() -> None:
    assert state(("refs/heads/a", OID), ("refs/heads/a", OID)).refs == (("refs/heads/a", OID),)
    with pytest.raises(PeerFault, match="two values"):
        state(("refs/heads/a", OID), ("refs/heads/a", OID2))


@pytest.mark.parametrize(
    "head",
    [
        "refs/heads/main",
        "ref: refs/tags/v1",
        "ref: refs/heads/",
        "ref: x",
        "",
        "ref: refs/heads/a b",
    ],
)
def test_heads_that_name_no_branch(head: str) -> None:
    assert state(("HEAD", head)).head is None


def test_the_tip_of_a_pull_request() -> None:
    assert nip34.pull_tip(event(kinds.PULL_REQUEST, ("c", OID))) == OID
    assert nip34.pull_tip(event(kinds.PULL_REQUEST_UPDATE, ("c", OID))) == OID
    assert nip34.pull_tip(event(kinds.PULL_REQUEST, ("c", "x"))) is None
    assert nip34.pull_tip(event(kinds.PATCH, ("c", OID))) is None


# --- listing more servers --------------------------------------------------------------------


def test_unknown_tags_and_content_are_kept_byte_for_byte() -> None:
    old = announce(
        ("name", " é\n"),
        clone(ONE),
        ("x",),
        ("clone", "git@h:a"),
        (),
        relays(ONE),
        ("r", OID, "euc"),
        ("relays", "wss://r"),
        content="  text\n",
    )
    new = nip34.with_servers(old, (ONE, TWO), at=2000)
    assert new.tags == (
        ("d", "widget"), ("name", " é\n"), (*clone(ONE), "git@h:a", clone(TWO)[1]), ("x",), (),
        (*relays(ONE), "wss://r", relays(TWO)[1]), ("r", OID, "euc"),
    )  # fmt: skip
    assert (new.content, new.created_at, new.kind, new.pubkey) == ("  text\n", 2000, 30617, OWNER)


def test_tags_that_were_missing_are_added() -> None:
    new = nip34.with_servers(announce(), (ONE,), at=2000)
    assert new.tags == (("d", "widget"), clone(ONE), relays(ONE))


def test_it_is_strictly_newer() -> None:
    assert nip34.with_servers(announce(), (ONE,), at=5).created_at == 1001


def test_other_spellings_are_not_repeated() -> None:
    old = announce(("clone", clone(ONE)[1].replace("one", "ONE")), ("relays", "wss://ONE.example/"))
    assert nip34.with_servers(old, (ONE,), at=5).tags == old.event.tags


def test_replacing_drops_servers_and_keeps_other_urls() -> None:
    old = announce(("clone", "https://github.com/a/b.git", clone(ONE)[1]), relays(ONE, TWO))
    new = nip34.with_servers(old, (TWO,), at=5, replacing=True)
    assert new.tags[1] == ("clone", "https://github.com/a/b.git", clone(TWO)[1])
    assert nip34.announcement(event(new.kind, *new.tags)).servers() == {TWO}


TAGS = st.lists(
    st.sampled_from(
        [clone(ONE), relays(ONE), clone(), ("relays", "x"), ("clone", "y", "y"), ("t",), ()]
    ),
    max_size=6,
)


@given(TAGS, st.sets(st.sampled_from([ONE, TWO])), st.booleans())
def test_every_result_lists_its_servers_once(
    tags: list[Tag], servers: set[str], replacing: bool
) -> None:
    old = announce(*tags)
    draft = nip34.with_servers(old, tuple(sorted(servers)), at=5, replacing=replacing)
    new = nip34.announcement(event(draft.kind, *draft.tags, at=draft.created_at))
    names = [tag[0] for tag in draft.tags if tag]
    assert (names.count("clone"), names.count("relays")) == (1, 1)
    assert new.servers() == (servers if replacing else servers | old.servers())
    others = [tag for tag in draft.tags if tag[:1] not in (("clone",), ("relays",))]
    assert others == [t for t in old.event.tags if t[:1] not in (("clone",), ("relays",))]
    again = nip34.with_servers(new, tuple(sorted(servers)), at=5, replacing=replacing)
    assert again.tags == draft.tags
