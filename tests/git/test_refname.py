"""Ref names: git itself is the judge."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.git import refname
from reconciler.limits import REF_BYTES

NAMES = [
    "refs/heads/main",
    "refs/heads/a/b",
    "refs/heads/@",
    "@/x",
    "a/b",
    "@",
    "main",
    "HEAD",
    "",
    "/",
    "//",
    "refs/heads/",
    "refs/heads//x",
    "/refs/heads/x",
    "refs/heads/x/",
    "refs/heads/.x",
    "refs/.heads/x",
    "refs/heads/x.",
    "refs/heads/x./y",
    "refs/heads/x.lock",
    "refs/heads/x.lock/y",
    "refs/heads/x.lock.y",
    "refs/heads/.lock",
    "refs/heads/x..y",
    "refs/heads/...",
    "refs/heads/@{x",
    "refs/heads/x@{1}",
    "refs/heads/x@",
    "refs/heads/{x}",
    "refs/heads/x y",
    "refs/heads/x\ty",
    "refs/heads/x\ny",
    "refs/heads/x\n",
    "refs/heads/x\x7f",
    "refs/heads/x\x01",
    "refs/heads/x~1",
    "refs/heads/x^",
    "refs/heads/x:y",
    "refs/heads/x?",
    "refs/heads/x*",
    "refs/heads/x[y",
    "refs/heads/x]y",
    "refs/heads/x\\y",
    "refs/heads/-x",
    "refs/heads/é",
    "refs/heads/😀",
    "refs/heads/\u200b",
    "refs/heads/\x85",
    "refs/heads/x\u00a0",
    "refs/tags/v1^{}",
    "refs/heads/x'\"$`",
    "refs/heads/%2e",
    ".",
    "..",
    "./x",
    "../x",
    "refs/nostr/x",
]


def git_accepts(name: str) -> bool:
    done = subprocess.run(["git", "check-ref-format", name], check=False)
    return done.returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_we_agree_with_git(name: str) -> None:
    assert refname.is_valid(name) == git_accepts(name)


PARTS = st.sampled_from(
    [
        "refs",
        "heads",
        "a",
        "é",
        ".",
        "..",
        "/",
        "//",
        "@",
        "@{",
        "{",
        ".lock",
        "~",
        "^",
        ":",
        "?",
        "*",
        "[",
        "]",
        "\\",
        " ",
        "\x01",
        "\x7f",
        "-",
        "\n",
        "lock",
        "\u0085",
    ]
)
ARGUMENTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(PARTS, max_size=8).map("".join) | ARGUMENTS.map("refs/".__add__))
@example("x/-")
def test_we_agree_with_git_on_made_up_names(name: str) -> None:
    assume(not name.startswith("-"))  # the command would take it for an option
    assert refname.is_valid(name) == git_accepts(name)


def test_what_the_command_cannot_be_asked() -> None:
    assert not refname.is_valid("refs/heads/a\0b")
    assert refname.is_valid("refs/heads/" + "x" * (REF_BYTES - 11))
    assert not refname.is_valid("refs/heads/" + "x" * (REF_BYTES - 10))
    assert refname.is_valid("-refs/x")  # the command takes it for an option
    assert refname.is_valid("refs/heads/\udcff")  # a byte that is no UTF-8


def test_only_our_namespaces_are_ours() -> None:
    nostr = "refs/nostr/" + "a1" * 32
    for name in ("refs/heads/x", "refs/tags/x"):
        assert refname.is_branch_or_tag(name)
        assert refname.is_ours(name)
    assert refname.is_ours(nostr)
    for name in (
        "HEAD",
        "refs/heads/",
        "refs/heads/a..b",
        "refs/pull/1",
        "refs/headsx/y",
        nostr + "0",
        nostr.upper(),
        nostr + "\n",
        nostr[:-1],
        "refs/tags/v1^{}",
    ):
        assert not refname.is_ours(name), name


def test_a_name_within_another_clashes_with_it() -> None:
    assert refname.clash(frozenset({"refs/heads/a", "refs/heads/a/b"})) == (
        "refs/heads/a",
        "refs/heads/a/b",
    )
    assert refname.clash(frozenset({"refs/heads/a", "refs/heads/ab", "refs/tags/a/b"})) is None
    assert refname.clash(frozenset()) is None
