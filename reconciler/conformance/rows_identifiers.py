"""Identifiers (§1.2): which live, and what a strange one breaks."""

from __future__ import annotations

from reconciler.conformance.people import Person
from reconciler.conformance.stage import MAIN, Stage
from reconciler.conformance.table import NGIT_3, all_of, row
from reconciler.nostr import kinds, nip19
from reconciler.nostr.event import Event


@row("1.2-special", all_of(200, ngit_relay=404, khatru=400, gitea=404))
def special(stage: Stage) -> object:
    """spaces and symbols in the identifier"""
    owner = stage.person()
    stage.announce(owner, "my widget+☃")
    return stage.status(owner, "my widget+☃")


@row("1.2-colon", all_of(200, khatru=400))
def colon(stage: Stage) -> object:
    """a colon in it"""
    owner = stage.person()
    stage.announce(owner, "a:b")
    return stage.status(owner, "a:b")


@row("1.2-unicode", all_of(200, ngit_relay=404, khatru=400, gitea=404))
def not_ascii(stage: Stage) -> object:
    """letters beyond ASCII in it"""
    owner = stage.person()
    stage.announce(owner, "café")
    return stage.status(owner, "café")


@row(
    "1.2-symbols",
    all_of(
        [200] * 5,
        ngit_relay=[200, 404, 200, 404, 200],
        khatru=[400] * 4 + [200],
        gitea=[404] * 4 + [200],
    ),
)
def symbols(stage: Stage) -> object:
    """a'b, a+b, a[b, a<b, a.b-c_D"""
    owner, names = stage.person(), ("a'b", "a+b", "a[b", "a<b", "a.b-c_D")
    for name in names:
        stage.announce(owner, name)
    return [stage.status(owner, name) for name in names]


@row(
    "1.2-missing", all_of(True, spec=False, ngit_grasp=False, ngit_grasp_3=True), guesses=(NGIT_3,)
)
def missing(stage: Stage) -> object:
    """no d tag"""
    return (
        stage.accepts(stage.person().sign(kinds.ANNOUNCEMENT, ("clone", "x")))[0]
        or (stage.accepts(_listed(stage, stage.person(), None))[0])
    )


@row("1.2-slash", all_of(True, spec=False, ngit_grasp=False))
def identifier_slash(stage: Stage) -> object:
    """a slash in it"""
    return stage.accepts(_listed(stage, stage.person(), "a/b"))[0]


def _listed(stage: Stage, owner: Person, identifier: str | None) -> Event:
    tags = [("d", identifier)] if identifier is not None else []
    clone = f"{stage.server.url}/{nip19.npub(owner.pubkey)}/x.git"
    return owner.sign(
        kinds.ANNOUNCEMENT, *tags, ("clone", clone), ("relays", stage.server.relay_url)
    )


@row(
    "1.2-impossible",
    all_of([True] * 5, spec=[False] * 5, ngit_grasp=[False] * 5, ngit_grasp_3=[True] * 5),
    guesses=(NGIT_3,),
)
def impossible(stage: Stage) -> object:
    """empty, `.`, `..`, with a backslash, with NUL: which are accepted"""
    names = ("", ".", "..", "a\\b", "a\0b")
    return [stage.accepts(_listed(stage, stage.person(), name))[0] for name in names]


@row("1.2-colon-issue", all_of(True, ngit_grasp=False, ngit_relay=False))
def colon_issue(stage: Stage) -> object:
    """an issue of a repository with a colon in its identifier"""
    owner, name, one = stage.person(), f"{stage.name}:x", stage.trunk.commits[0]
    announcement = stage.announce(owner, name)
    stage.publish(owner.state(name, {MAIN: one}))
    stage.push(owner, {MAIN: one}, name)
    assert stage.serves(announcement)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner, name)))[0]


@row("1.2-colon-cut", all_of(False, ngit_grasp=True, khatru=True))
def colon_cut(stage: Stage) -> object:
    """an issue of `x:y`, where only `x` is a repository"""
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner, f"{stage.name}:x")))[0]
