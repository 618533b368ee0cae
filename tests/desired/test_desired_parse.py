"""What a right document means, and that nothing but UserFault comes out of a wrong one."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler import schemas
from reconciler.desired import parse, shape, yamltree
from reconciler.desired.wording import show, suggest
from reconciler.errors import UserFault
from reconciler.model.desired import (
    AcceptedHold,
    Desired,
    Pause,
    Policies,
    Safety,
    Source,
    Throttle,
)
from reconciler.model.plan import HoldReason
from reconciler.nostr import kinds
from reconciler.nostr.nip34 import Coordinate
from reconciler.nostr.strictjson import Json

ROOT = Path(__file__).parents[2]
ALICE = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
ALICE_HEX = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"
LEAST = f"version: 1\nservers: [https://a.example]\nnpubs: [{{npub: {ALICE}, name: alice}}]\n"


def read(text: str) -> Desired:
    return parse(text, place="d.yaml")


def test_the_committed_file_reads_and_writes_the_defaults_down() -> None:
    data = (ROOT / "desired-state.yaml").read_bytes()
    desired = parse(data, place="desired-state.yaml")
    assert data.startswith(b"# yaml-language-server: $schema=schemas/desired-state.schema.json\n")
    assert (len(desired.servers), len(desired.npubs)) == (9, 2)
    assert desired.index_relays == ("https://index.ngit.dev",)
    assert desired.policies == Policies()  # it writes the defaults down
    assert desired.digest == hashlib.sha256(data).hexdigest()


def test_what_is_left_out_takes_its_default() -> None:
    desired = read(LEAST)
    assert desired.policies == Policies()
    assert desired.servers[0].throttle == Throttle()
    assert desired.npubs[0].pubkey == ALICE_HEX
    assert desired.npubs[0].wants("anything")
    assert desired.npubs[0].signer is None


def test_every_field_can_be_set() -> None:
    desired = read(
        f"""
version: 1
servers:
  - {{url: "wss://A.example:443/x/", groups: [own, fast], throttle: {{concurrency: 9}}}}
  - http://127.0.0.1:8080
  - http://10.1.2.3
index_relays: [ws://localhost:7777, wss://i.example/]
npubs:
  - {{npub: {ALICE.upper()}, name: alice, signer: key, repositories: {{exclude: [no-*]}}}}
repositories:
  alice/café x:
    servers: {{allow: [own, HTTP://10.1.2.3/], block: [http://127.0.0.1:8080]}}
policies:
  replicas: 2
  announcements: keep
  pulls: false
  events: {{kinds: [1, 1111]}}
  discover_servers: ignore
  safety: {{max_delete_percent: 0, max_update_percent: 100, min_existing: 0}}
  throttle: {{concurrency: 2, per_minute: 3}}
  egress: {{allow_private: [10.0.0.0/8, "fd00:0::/8", 192.168.1.1, 127.0.0.0/8]}}
"""
    )
    assert [s.url for s in desired.servers] == [
        "https://a.example/x", "http://127.0.0.1:8080", "http://10.1.2.3",
    ]  # fmt: skip
    assert desired.servers[0].groups == ("own", "fast")
    assert [s.throttle for s in desired.servers] == [Throttle(9, 3), Throttle(2, 3), Throttle(2, 3)]
    assert desired.index_relays == ("http://localhost:7777", "https://i.example")
    assert desired.npubs[0].signer == "key"
    assert desired.npubs[0].wants("yes")
    assert not desired.npubs[0].wants("no-1")
    coordinate = Coordinate(ALICE_HEX, "café x")
    assert desired.rules[0].pattern == "alice/café x"
    assert [s.url for s in desired.allowed(coordinate)] == [
        "https://a.example/x",
        "http://10.1.2.3",
    ]
    assert desired.policies == Policies(
        replicas=2,
        announcements="keep",
        pulls=False,
        event_kinds=(1, 1111),
        discover_servers="ignore",
        safety=Safety(0, 100, 0),
        allow_private=("10.0.0.0/8", "fd00::/8", "192.168.1.1/32", "127.0.0.0/8"),
    )


def test_an_owner_s_servers() -> None:
    text = LEAST.replace("name: alice", "name: alice, servers: {block: ['https://a.example/']}")
    assert read(text).npubs[0].block == ("https://a.example",)
    assert read(text).npubs[0].allow is None
    assert read(text).allowed(Coordinate(ALICE_HEX, "x")) == ()


def test_a_server_is_paused_until_its_day_begins() -> None:
    pause = "{url: https://a.example, paused: {reason: moving, until: 2027-06-30}}"
    (server,) = read(LEAST.replace("https://a.example", pause)).servers
    assert server.pause == Pause("moving", 1_814_400_000)
    assert server.paused(1_814_399_999)
    assert not server.paused(1_814_400_000)


def test_a_rule_holds_for_what_its_pattern_matches() -> None:
    rules = "repositories:\n  'ali*/w*': {servers: {block: [https://a.example]}}\n"
    desired = read(LEAST + rules)
    assert [rule.pattern for rule in desired.rules] == ["ali*/w*"]
    assert desired.allowed(Coordinate(ALICE_HEX, "widget")) == ()
    assert len(desired.allowed(Coordinate(ALICE_HEX, "gadget"))) == 1


def test_a_source_is_adopted_where_the_nearest_word_says_so() -> None:
    rule = "repositories:\n  alice/widget: {source: 'HTTPS://git.example.org:443/w.git/'%s}\n"
    signer = LEAST.replace("name: alice", "name: alice, signer: key%s")
    words = {"follow": "follow", "adopt": "adopt", "": ""}
    seen = set()
    for policy in words:
        for owner in words:
            for own in words:
                text = signer % (f", states: {owner}" if owner else "")
                text += rule % (f", states: {own}" if own else "")
                text += f"policies: {{states: {policy}}}\n" if policy else ""
                source = read(text).source(Coordinate(ALICE_HEX, "widget"))
                assert source is not None
                assert source.adopt is ((own or owner or policy) == "adopt")
                seen.add(source.url)
    assert seen == {"https://git.example.org/w.git"}


def test_what_a_first_announcement_says() -> None:
    rule = "{source: 'https://x.example/w', rewrites: all, name: W, description: d, web: ['https://w']}"
    desired = read(f"{LEAST}repositories: {{alice/widget: {rule}}}\n")
    assert desired.sources == (
        (
            Coordinate(ALICE_HEX, "widget"),
            Source(
                url="https://x.example/w",
                rewrites=None,
                name="W",
                description="d",
                web=("https://w",),
            ),
        ),
    )
    assert desired.source(Coordinate(ALICE_HEX, "gadget")) is None


def test_accepted_holds_end_with_their_day() -> None:
    holds = "[{reason: server-not-listed, where: 'alice/*', until: 2027-06-30}]"
    found = read(LEAST + f"policies: {{holds: {holds}}}\n").policies.holds
    assert found == (AcceptedHold(HoldReason.NOT_LISTED, "alice/*", 1_814_400_000),)
    assert datetime.fromtimestamp(found[0].until, UTC) == datetime(2027, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["plan", "report"])
def test_every_reason_of_a_hold_can_be_accepted(name: str) -> None:
    policies = schemas.load("desired-state")["properties"]["policies"]["properties"]
    reasons = policies["holds"]["items"]["properties"]["reason"]["enum"]
    assert reasons == [str(reason) for reason in HoldReason]
    assert reasons == schemas.load(name)["$defs"]["hold"]["properties"]["reason"]["enum"]


def test_default_kinds_by_word() -> None:
    text = LEAST + "policies: {events: {kinds: default}, replicas: all}\n"
    assert read(text).policies.event_kinds == kinds.MIRRORED


# --- YAML 1.1 traps --------------------------------------------------------------------------

TRAPS: dict[str, Json] = {
    "no": "no", "yes": "yes", "on": "on", "Off": "Off", "True": "True", "NULL": "NULL",
    "010": "010", "0x1f": "0x1f", "0o17": "0o17", "1_000": "1_000", "1:30": "1:30", "1.5": "1.5",
    "1e3": "1e3", ".inf": ".inf", ".nan": ".nan", "2026-01-02": "2026-01-02", "+1": "+1",
    "=": "=", "9" * 19: "9" * 19, "null": None, "~": None, "": None, "true": True, "false": False,
    "0": 0, "-7": -7, "9" * 18: int("9" * 18), "'true'": "true", '"1"': "1", "'<<'": "<<",
}  # fmt: skip


@pytest.mark.parametrize("text", TRAPS)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str) -> None:
    value = yamltree.read(f"a: {text}\n", "x").value["a"]
    assert value == TRAPS[text]
    assert type(value) is type(TRAPS[text])


@pytest.mark.parametrize("key", ["no", "1", "true", "2026-01-02", "null"])
def test_keys_are_always_text(key: str) -> None:
    assert yamltree.read(f"{key}: 1\n", "x").value == {key: 1}


def test_places_of_keys_and_values() -> None:
    tree = yamltree.read("a:\n  - b: {c: d}\n", "x")
    assert (tree.keys[("a", 0, "b", "c")].line, tree.keys[("a", 0, "b", "c")].column) == (2, 9)
    assert (tree.values[("a", 0, "b", "c")].line, tree.values[("a", 0, "b", "c")].column) == (2, 12)


def test_a_byte_order_mark_at_the_start_is_no_mistake() -> None:
    assert read("\ufeff" + LEAST).servers == read(LEAST).servers


# --- schema ----------------------------------------------------------------------------------


def parts(schema: Json) -> Iterator[dict[str, Json]]:
    """Every sub-schema."""
    yield schema
    for key in ("properties", "$defs"):
        for below in schema.get(key, {}).values():
            yield from parts(below)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from parts(schema[key])


def test_the_schema_is_closed_explained_and_exemplified() -> None:
    schema = schemas.load("desired-state")
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == "urn:grasp-reconciler:desired-state:1"
    for part in parts(schema):
        if "properties" in part:
            assert part["additionalProperties"] is False
            for name, below in part["properties"].items():
                assert "$ref" in below or {"description", "examples"} <= below.keys(), name
        if "pattern" in part:
            assert "patternErrorMessage" in part
        for example in part.get("examples", ()):
            whole = {**schema, **part} if "$ref" in json.dumps(part) else part
            whole = {k: v for k, v in whole.items() if k not in ("$id", "required")}
            assert not list(Draft202012Validator(whole).iter_errors(example)) or part is schema


def test_every_keyword_of_the_schema_has_its_words() -> None:
    annotations = {"$schema", "$id", "$ref", "$defs", "title", "description", "examples", "default",
                   "patternErrorMessage", "properties", "items", "propertyNames"}  # fmt: skip
    used = {key for part in parts(schemas.load("desired-state")) for key in part}
    assert used - annotations <= shape._HANDLERS.keys()


# --- words -----------------------------------------------------------------------------------


def test_a_near_miss_is_suggested_and_nothing_else() -> None:
    known = ["servers", "npubs", "policies"]
    assert suggest("SERVRES", known) == "servers"
    assert suggest("zebra", known) is None
    assert suggest("s" * 1000, known) is None


@given(st.text(max_size=300))
def test_shown_text_is_short_and_printable(text: str) -> None:
    assert show(text).isprintable()
    assert len(show(text)) <= 12 * 81 + 2


# --- nothing but UserFault -------------------------------------------------------------------

PIECES = st.sampled_from([
    "version: 1", "servers:", "npubs:", "repositories:", "policies:", "- https://a.example", ALICE,
    "- npub: ", "name: alice", "alice/x:", "&a", "*a", "<<: ", "!!str", "!", "---", "...",
    "%YAML 1.1",
    "? ", ": ", "[", "]", "{", "}", ",", "|", ">", "'", '"', "#", "\\U0011FFFF", "\t", "\n", "\n  ",
    "\n    ", "throttle: {concurrency: 5}", "replicas: 3", "events: {kinds: [1]}",
    "servers: {allow: [x]}", "egress: {allow_private: [10.0.0.0/8]}", "null", "true", "-1",
    "url: https://[",
])  # fmt: skip


@given(st.one_of(st.text(), st.binary(), st.lists(PIECES, max_size=30).map(" ".join)))
def test_arbitrary_text_raises_only_mistakes_of_the_user(text: str | bytes) -> None:
    with contextlib.suppress(UserFault):
        parse(text, place="x")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8),
    st.sampled_from(["all", "https://a.example", "wss://a.example", "10.0.0.0/8", ALICE]),
)  # fmt: skip
KEYS = st.sampled_from([
    "version", "servers", "npubs", "repositories", "policies", "url", "groups", "throttle", "npub",
    "name", "signer", "include", "exclude", "allow", "block", "replicas", "events", "kinds",
    "egress",
    "allow_private", "safety", "concurrency", "alice/x", "index_relays", "version ",
])  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=30,
)


@given(st.fixed_dictionaries(
    {"version": st.just(1)},
    optional=dict.fromkeys(
        ["servers", "npubs", "repositories", "policies", "index_relays"], DOCUMENTS
    ),
))  # fmt: skip
def test_arbitrary_documents_raise_only_mistakes_of_the_user(document: dict[str, Json]) -> None:
    with contextlib.suppress(UserFault):
        parse(json.dumps(document), place="x")


@given(st.data())
def test_one_value_of_a_right_document_exchanged(data: st.DataObject) -> None:
    """Holes beside right values: the checks of meaning must bear them."""
    document = json.loads(
        json.dumps(yamltree.read((ROOT / "desired-state.yaml").read_text(), "x").value)
    )
    document["repositories"] = {"owner-1/x": {"servers": {"allow": ["https://git.uid.ovh"]}}}
    place = document
    while isinstance(place, dict | list) and place:
        steps = list(place) if isinstance(place, dict) else list(range(len(place)))
        step = data.draw(st.sampled_from(steps))
        if not isinstance(place[step], dict | list) or data.draw(st.booleans()):
            place[step] = data.draw(DOCUMENTS)
            break
        place = place[step]
    with contextlib.suppress(UserFault):
        parse(json.dumps(document), place="x")


NAMED = """version: 1
servers:
  - {url: https://git.example.org, name: own}
  - https://relay.ngit.dev
index_relays:
  - {url: wss://index.ngit.dev, name: index}
npubs:
  - npub: NPUB
    name: alice
    servers: {block: [own]}
""".replace("NPUB", ALICE)


def test_servers_and_relays_are_called_by_the_file_s_names_else_by_their_hosts() -> None:
    desired = parse(NAMED, place="x.yaml")
    assert desired.index_relays == ("https://index.ngit.dev",)
    urls = [server.url for server in desired.servers]
    assert [desired.called(url) for url in (*urls, *desired.index_relays)] == [
        "own",
        "relay.ngit.dev",
        "index",
    ]


def test_a_server_s_name_can_be_allowed_and_blocked() -> None:
    (npub,) = parse(NAMED, place="x.yaml").npubs
    assert npub.block == ("https://git.example.org",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: index", "name: own", '"own" stands here twice (first in line 3)'),
        ("name: own}", "name: own, groups: [own]}", '"own" is the name of a group, too'),
        ("[own]", "[index]", '"index" is neither a group nor one of the servers'),
    ],
)
def test_a_name_means_one_server(old: str, new: str, message: str) -> None:
    with pytest.raises(UserFault) as caught:
        parse(NAMED.replace(old, new), place="x.yaml")
    assert message in [mistake.message for mistake in caught.value.mistakes]
