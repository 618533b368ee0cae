"""Each class of mistake: its place, its words, its remedy."""

from __future__ import annotations

import re

import pytest

from reconciler.desired import parse, yamltree
from reconciler.errors import Mistake, UserFault

ALICE = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
BOB = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg"
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
HEX = "67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa"

GOOD = f"""\
version: 1
servers:
  - https://relay.ngit.dev
  - url: https://git.example.org
    groups: [own]
index_relays: [wss://index.ngit.dev]
npubs:
  - npub: {ALICE}
    name: alice
    signer: alice-key
    repositories: {{include: [nostr-*], exclude: [x]}}
repositories:
  alice/widget:
    servers: {{allow: [own], block: [https://relay.ngit.dev]}}
policies:
  replicas: 2
  pulls: true
  events: {{kinds: [1617]}}
  egress: {{allow_private: [10.0.0.0/8]}}
  throttle: {{concurrency: 5}}
"""


def mistakes(text: str | bytes) -> tuple[Mistake, ...]:
    with pytest.raises(UserFault) as caught:
        parse(text, place="d.yaml")
    assert caught.value.exit_code == 78
    for mistake in caught.value.mistakes:
        assert mistake.place == "d.yaml"
        assert mistake.message
        assert mistake.remedy
    return caught.value.mistakes


def test_the_base_of_this_table_is_right() -> None:
    parse(GOOD, place="d.yaml")


RULE = "servers: {allow: [own], block: [https://relay.ngit.dev]}"

# (what to replace, by what, line, column, part of the message, part of the remedy)
Row = tuple[str, str, int, int, str, str]

SHAPE: dict[str, Row] = {
    "unknown key": ("index_relays", "index_relay", 6, 1, 'key "index_relay"', '"index_relays"?'),
    "far key": ("  pulls: true", "  zzz: 1", 17, 3, 'unknown key "zzz" in policies', "known keys"),
    "no version": ("version: 1\n", "", 1, 1, 'lacks the key "version"', "version: 1"),
    "version 2": ("version: 1", "version: 2", 1, 10, "version 2 is not", "reads version 1"),
    "version text": ("version: 1", "version: '1'", 1, 10, "must be a whole number", "digits"),
    "no npub": (f"npub: {ALICE}\n    name", "name", 8, 5, 'npubs[0] lacks the key "npub"', "add"),
    "empty value": ("[wss://index.ngit.dev]", "", 6, 14, "must be a list, not empty", "example"),
    "text for list": ("[own]\nindex", "own\nindex", 5, 13, "must be a list, not text", "public"),
    "list for text": ("name: alice", "name: [a]", 9, 11, "must be text, not a list", "alice"),
    "number for text": ("name: alice", "name: 12", 9, 11, "must be text, not a number", '"12"'),
    "bool for text": ("name: alice", "name: true", 9, 11, "not true or false", '"true"'),
    "yes": ("pulls: true", "pulls: yes", 17, 10, "must be true or false", "write true or"),
    "octal": ("concurrency: 5", "concurrency: 05", 20, 27, "a whole number", "leading zeros"),
    "too low": ("concurrency: 5", "concurrency: 0", 20, 27, "is 0, which", "from 1 to 50"),
    "too high": ("concurrency: 5", "concurrency: 51", 20, 27, "is 51, which", "from 1 to 50"),
    "at least": ("replicas: 2", "replicas: 0", 16, 13, "is 0, which", "at least 1"),
    "replicas word": ("replicas: 2", "replicas: many", 16, 13, 'cannot be "many"', "all"),
    "enum": ("pulls: true", "states: folow", 17, 11, 'cannot be "folow"', '"follow"?'),
    "enum type": ("pulls: true", "states: 5", 17, 11, "must be text", '"5"'),
    "name pattern": ("name: alice", "name: a/b", 9, 11, 'cannot be "a/b"', "letters"),
    "empty list": ("include: [nostr-*]", "include: []", 11, 29, "is empty", "nostr-*"),
    "empty map": ("{concurrency: 5}", "{}", 20, 13, "policies.throttle is empty", "for example"),
    "empty text": ("https://relay.ngit.dev\n  -", "''\n  -", 3, 5, "servers[0] is empty", "https:"),
    "too long": ("wss://index", f"wss://{'x' * 600}", 6, 16, "longer than 512", "shorten"),
    "twice in list": ("[1617]", "[1617, 1617]", 18, 26, "stands in the list twice", "keep one"),
    "number in kinds": ("[1617]", "[x]", 18, 20, "must be a whole number", "digits"),
    "server type": ("https://relay.ngit.dev\n  -", "5\n  -", 3, 5, "text or a mapping", '"5"'),
}

MEANING: dict[str, Row] = {
    "checksum": (ALICE, ALICE[:-1] + "q", 8, 11, "the checksum is wrong", "copy it again"),
    "short npub": (ALICE, "npub1abc", 8, 11, "is no npub", "copy it again"),
    "hex": (ALICE, HEX, 8, 11, "a hex key", "npub1"),
    "nprofile": (ALICE, "nprofile1abc", 8, 11, "is nprofile, not npub", "npub1"),
    "url": (ALICE, f"https://njump.me/{ALICE}", 8, 11, "is a URL", "npub1"),
    "nip-05": (ALICE, "alice@example.org", 8, 11, "is a name", "npub1"),
    "nostr uri": (ALICE, f"nostr:{ALICE}", 8, 11, "has a scheme", "leave out nostr:"),
    "no scheme": ("- https://relay", "- relay", 3, 5, "does not start", "https://relay.ngit.dev"),
    "trick": ("- https://relay", r"- https://good\@relay", 3, 5, "one of", "https://"),
    "userinfo": ("- https://relay", "- https://me@relay", 3, 5, "one of", "https://"),
    "bad port": ("relay.ngit.dev\n", "relay.ngit.dev:99999\n", 3, 5, "malformed", "https://"),
    "plain http": ("- https:", "- http:", 3, 5, "is not encrypted", "egress.allow_private"),
    "plain loopback": (
        "- https://relay.ngit.dev",
        "- http://127.0.0.1:9",
        3,
        5,
        "is not encrypted",
        "list 127.0.0.0/8 in policies.egress.allow_private",
    ),
    "plain localhost": (
        "- https://relay.ngit.dev",
        "- http://localhost:9",
        3,
        5,
        "is not encrypted",
        "list 127.0.0.0/8 in policies.egress.allow_private",
    ),
    "plain loopback relay": (
        "wss://index.ngit.dev",
        "ws://127.0.0.1:9",
        6,
        16,
        "is not encrypted",
        "policies.egress.allow_private",
    ),
    "no date": (
        "  pulls: true",
        "  holds: [{reason: private, where: x, until: 2027-02-29}]",
        17,
        46,
        "is no date",
        "YYYY-MM-DD",
    ),
    "no reason": (
        "  pulls: true",
        "  holds: [{reason: privat, where: x, until: 2027-02-28}]",
        17,
        20,
        'cannot be "privat"',
        '"private"?',
    ),
    "no day of a pause": (
        "groups: [own]",
        "groups: [own]\n    paused: {reason: x, until: 2027-13-01}",
        6,
        32,
        "is no date",
        "YYYY-MM-DD",
    ),
    "an owner's group": (
        "signer: alice-key",
        "servers: {block: [onw]}",
        10,
        23,
        "neither a group",
        '"own"?',
    ),
    "no owner by glob": ("alice/widget", "b*/widget", 13, 3, '"b*" is no name', "names under"),
    "a repository": (
        "relay.ngit.dev\n",
        f"relay.ngit.dev/{ALICE}/x.git\n",
        3,
        5,
        "is a repo",
        "only",
    ),
    "web relay": ("wss://index", "https://index", 6, 16, "is not a relay URL", "wss://index"),
    "plain relay": ("wss://index", "ws://index", 6, 16, "is not encrypted", "wss://"),
    "slash": ("git.example.org\n", "relay.ngit.dev/\n", 4, 10, "twice (first in line 3)", "one"),
    "upper case": ("git.example.org\n", "RELAY.ngit.dev\n", 4, 10, "twice", "keep one"),
    "wss": ("https://git.example.org\n", "wss://relay.ngit.dev\n", 4, 10, "twice", "keep one"),
    "port": ("git.example.org\n", "relay.ngit.dev:443\n", 4, 10, "twice", "keep one"),
    "relay twice": ("index.ngit.dev]", "i.x, wss://i.x/]", 6, 27, "twice", "keep one"),
    "a source on a server": (
        RULE,
        "source: https://relay.ngit.dev/npub1x/w.git",
        14,
        13,
        "is on one of the servers",
        "the host that",
    ),
    "a source that is a host": (
        RULE,
        "source: https://x.example",
        14,
        13,
        "no repository on it",
        "widget.git",
    ),
    "a source in plain": (
        RULE,
        "source: http://x.example/w.git",
        14,
        13,
        "is not encrypted",
        "https://",
    ),
    "a source by ssh": (
        RULE,
        "source: ssh://git@x.example/w.git",
        14,
        13,
        "one of",
        "https://",
    ),
    "a source as a relay": (
        RULE,
        "source: wss://x.example/w.git",
        14,
        13,
        "not fetched over",
        "https://",
    ),
    "a source with a password": (
        RULE,
        "source: https://me:x@x.example/w.git",
        14,
        13,
        "one of",
        "https://",
    ),
    "states without a source": (
        RULE,
        "states: adopt",
        14,
        5,
        "means nothing without",
        "source:",
    ),
    "a tip that is none": (
        RULE,
        "source: https://x.example/w.git\n    rewrites: [main]",
        15,
        16,
        'cannot be "main"',
        "40 digits",
    ),
    "a word for rewrites": (
        RULE,
        "source: https://x.example/w.git\n    rewrites: some",
        15,
        15,
        'cannot be "some"',
        "all",
    ),
    "a source of several": (
        f"alice/widget:\n    {RULE}",
        "alice/w*:\n    source: https://x.example/w.git",
        13,
        3,
        "means several repositories",
        "an entry for each",
    ),
    "a source that nobody signs for": (
        f"    signer: alice-key\n    repositories: {{include: [nostr-*], exclude: [x]}}\n"
        f"repositories:\n  alice/widget:\n    {RULE}",
        "repositories:\n  alice/widget:\n    source: https://x.example/w.git\n    states: adopt",
        12,
        5,
        "has no signer",
        "states: follow",
    ),
    "relay a server": (
        "index.ngit.dev",
        "relay.ngit.dev",
        6,
        16,
        "also a server (line 3)",
        "remove",
    ),
    "no slash": ("alice/widget", "widget", 13, 3, "is not <npub name>/", "alice/widget"),
    "owner": ("alice/widget", "alcie/widget", 13, 3, '"alcie" is no name', '"alice"?'),
    "identifier": ("alice/widget", "alice/a/b", 13, 3, "no server can host", "d tag"),
    "long identifier": ("alice/widget", f"alice/{'x' * 201}", 13, 3, "longer than 200", "d tag"),
    "group": ("allow: [own]", "allow: [onw]", 14, 23, "neither a group", '"own"?'),
    "host": ("[own], b", "[git.example.org], b", 14, 23, "neither", "https://git.example.org"),
    "server": (
        "block: [https://relay",
        "block: [https://delay",
        14,
        37,
        "neither",
        "https://relay",
    ),
    "cidr": ("10.0.0.0/8", "10.0.0.0/99", 19, 28, "is no network", "CIDR"),
    "host bits": ("10.0.0.0/8", "10.1.0.0/8", 19, 28, "bits set", "write 10.0.0.0/8"),
    "all addresses": ("10.0.0.0/8", "'::/0'", 19, 28, "every address", "private"),
    "replicas": ("replicas: 2", "replicas: 3", 16, 13, "3 replicas cannot", "up to 2"),
    "ephemeral": ("[1617]", "[20001]", 18, 20, "ephemeral", "leave it out"),
    "announcement": ("[1617]", "[30617]", 18, 20, "always mirrored", "leave it out"),
}

SYNTAX: dict[str, Row] = {
    "tab": ("  - https", "\t- https", 3, 1, "a tab stands", "spaces"),
    "bracket": ("[wss://index.ngit.dev]", "[wss://index.ngit.dev", 7, 6, "not YAML", "indentation"),
    "anchor": ("[own]\nindex", "&a [own]\nindex", 5, 13, "anchors", "write the values out"),
    "alias": ("name: alice", "name: *a", 9, 11, "aliases", "write the values out"),
    "merge key": ("pulls: true", "<<: {pulls: true}", 17, 3, "merge key", "write the values out"),
    "tag": ("pulls: true", "pulls: !!bool true", 17, 10, "tags", "remove the tag"),
    "python tag": ("pulls: true", "pulls: !!python/name:os.system", 17, 10, "tags", "remove"),
    "key tag": ("pulls: true", "!x pulls: true", 17, 3, "tags", "remove the tag"),
    "same key": ("pulls: true", "replicas: 2", 17, 3, '"replicas" (first in line 16)', "keep"),
    "complex key": ("pulls: true", "? [a]\n  : b", 17, 5, "a key is not plain text", "one word"),
    "second document": ("policies:", "---\npolicies:", 15, 1, "a second document", "one document"),
    "escape": ("name: alice", r'name: "\U00110000"', 9, 14, "an escape", "character itself"),
    "surrogate": ("name: alice", r'name: "\ud800"', 9, 11, "half a character", "itself"),
    "control": ("name: alice", "name: \x07", 9, 11, "U+0007 is not allowed", "remove it"),
    "line separator": ("name: alice", "name: a\u2028b", 9, 12, "U+2028 is not", "remove it"),
    "bom inside": ("name: alice", r'name: "\q"', 9, 13, "not YAML", "quotes"),
}  # fmt: skip


@pytest.mark.parametrize("row", [*SHAPE.values(), *MEANING.values(), *SYNTAX.values()],
                         ids=[*SHAPE, *MEANING, *SYNTAX])  # fmt: skip
def test_one_mistake_is_named_with_place_and_remedy(row: Row) -> None:
    old, new, line, column, message, remedy = row
    assert GOOD.count(old) >= 1
    found = mistakes(GOOD.replace(old, new, 1))
    assert len(found) == 1, "\n".join(map(str, found))
    assert (found[0].line, found[0].column) == (line, column)
    assert message in found[0].message
    assert remedy in found[0].remedy


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# only\n# comments\n", "---\n", "~", "--- # x\n...\n"]
)
def test_a_file_with_nothing_in_it_is_a_mistake(text: str) -> None:
    (found,) = mistakes(text)
    assert (found.line, found.column) == (1, 1)
    assert "empty, or holds only comments" in found.message


@pytest.mark.parametrize("text", ["[]", "word", "5", "- version: 1"])
def test_the_root_is_no_mapping(text: str) -> None:
    (found,) = mistakes(text)
    assert "the file must be a mapping of keys" in found.message


def test_bytes_that_are_not_utf8_are_found_by_line_and_column() -> None:
    (found,) = mistakes(b"version: 1\nx: \xff")
    assert (found.line, found.column, found.message) == (2, 4, "not UTF-8")


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    text = (
        GOOD.replace("https://git.example.org", "wss://RELAY.ngit.dev/")
        .replace("index_relays", "index_relay")
        .replace(ALICE, BOB[:-1])
        .replace("pulls: true", "pulls: no")
        .replace("10.0.0.0/8", "ten")
        .replace("replicas: 2", "replicas: &r 2\n  replicas: *r")
    )
    found = mistakes(text)
    assert [m.line for m in found] == [4, 6, 8, 16, 17, 17, 18, 20]
    said = "\n".join(map(str, found))
    for words in ("twice", "unknown key", "checksum", "anchors", "duplicate", "aliases",
                  "true or false", "is no network"):  # fmt: skip
        assert words in said


def test_a_mistake_reads_like_a_compiler_message() -> None:
    (found,) = mistakes(GOOD.replace("servers:\n  -", "sever:\n  -", 1))
    assert str(found) == (
        'd.yaml:2:1: unknown key "sever"\n    remedy: did you mean "servers"? known keys here: '
        "version, servers, index_relays, npubs, repositories, policies"
    )


def test_two_owners_with_one_key_and_one_name() -> None:
    second = f"  - npub: {ALICE}\n    name: alice\nrepositories:\n  alice/w"
    found = mistakes(GOOD.replace("repositories:\n  alice/w", second))
    assert [(m.line, m.column) for m in found] == [(12, 11), (13, 11)]
    assert all("stands here twice (first in line" in m.message for m in found)


def test_another_version_is_not_judged_by_our_rules() -> None:
    (found,) = mistakes("version: 2\nservers: {new: style}\nmore: 1\n")
    assert "version 2 is not supported" in found.message


@pytest.mark.parametrize("bomb", [
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "a: " + "[" * 5_000,
    "a: " + "{b: " * 5_000,
    "- " * 5_000 + "x",
    pytest.param("x: [" + "1, " * 51_000 + "]", marks=pytest.mark.long),
    "a: " + "x" * 300_000,
    "? " * 5_000,
])  # fmt: skip
def test_a_document_that_swells_is_refused_and_costs_little(bomb: str) -> None:
    mistakes(bomb)


def test_more_values_than_a_document_may_hold_are_refused() -> None:
    five = "a: [1, 2]"  # a mapping, its key, a list and two numbers
    assert yamltree.read(five, "x", most=5).value == {"a": [1, 2]}
    with pytest.raises(UserFault) as caught:
        yamltree.read(five, "x", most=4)
    assert "more than 4 values" in caught.value.mistakes[0].message


@pytest.mark.parametrize("text", [
    GOOD.replace(ALICE, NSEC),
    GOOD.replace(ALICE, NSEC.upper()),
    GOOD.replace(ALICE, NSEC[:-1] + "q"),
    GOOD.replace(ALICE, f'"\\x6e{NSEC[1:]}"'),
    GOOD.replace("alice-key", NSEC),
    GOOD.replace("alice-key", HEX),
    GOOD.replace("alice-key", f"x/{HEX}"),
    GOOD.replace("name: alice", f"name: {HEX}"),
    GOOD.replace("version: 1", f"version: 1  # {NSEC}"),
    GOOD.replace("version: 1", f"version: 1\n{NSEC}: 1"),
    GOOD.replace("version: 1", f"version: 1\n{HEX}: 1"),
    GOOD.replace("alice/widget", f"alice/{HEX}").replace("servers: {", f"{HEX}: {{"),
    GOOD.replace("alice/widget", HEX),
    GOOD.replace("alice/widget", f"f{HEX}").replace("    servers: {", "    - {"),
    f"{NSEC}: [",
    f"a: *{NSEC}",
    f"a: &{HEX} x\n&{HEX} b: c",
    f"x: !{NSEC} y",
    NSEC,
    GOOD.replace("[own],", f"[{HEX}],"),
    GOOD.replace("https://relay", f"https://{HEX}:{HEX}@relay"),
])  # fmt: skip
def test_no_message_repeats_a_secret_key(text: str) -> None:
    with pytest.raises(UserFault) as caught:
        parse(text, place="d.yaml")
    said = (str(caught.value) + repr(caught.value.mistakes)).lower()
    assert HEX not in said
    assert not re.search(r"nsec1[02-9ac-hj-np-z]{6}", said)


def test_a_pasted_secret_key_is_said_to_be_leaked() -> None:
    (found,) = mistakes(GOOD.replace(ALICE, NSEC))
    assert (found.line, found.column) == (8, 11)
    assert found.message == "a secret key stands in the file"
    assert "treat that key as leaked" in found.remedy


def test_a_secret_key_is_found_even_where_yaml_is_broken() -> None:
    first, second = mistakes(f"a: [\n# {NSEC}\n")
    assert (first.line, first.column) == (2, 3)
    assert "not YAML" in second.message


@pytest.mark.parametrize(
    "url",
    [
        "https://u:hunter2@a.example",
        "https://hunter2@a.example/x",
        "wss://u:hun/ter2@a.example",
        "u:hunter2@a.example",
        "https://u:a@hunter2@a.example",
        "'https://u:a b\"hunter2@a.example'",
    ],
)
def test_a_password_in_a_url_is_not_repeated(url: str) -> None:
    for text in (
        GOOD.replace("- https://relay.ngit.dev", f"- {url}"),
        GOOD.replace("wss://index.ngit.dev", url),
        GOOD.replace("allow: [own]", f"allow: [{url}]"),
        GOOD.replace(ALICE, url),
    ):
        assert text != GOOD
        said = "\n".join(map(str, mistakes(text)))
        assert "ter2" not in said
        assert "hun" not in said
        assert "…@" in said
