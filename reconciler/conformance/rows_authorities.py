"""Who may speak for a repository (§1.4): maintainers, roles, and what a start makes of them."""

from __future__ import annotations

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import MAIN, Stage
from reconciler.conformance.table import GITEA, NGIT, NGIT_3, SPEC, all_of, row
from reconciler.nostr import kinds


@row("1.4-coupled", all_of(True, khatru=False))
def coupled(stage: Stage) -> object:
    """a maintainer's push moves the other owner's refs, in time"""
    owner, friend, two = stage.person(), stage.person(), stage.trunk.commits[1]
    stage.host(owner, {MAIN: two}, stage.name, friend)
    stage.announce(friend, stage.name, owner)
    one = stage.trunk.commits[0]
    tags = ("d", stage.name), (MAIN, one), ("HEAD", f"ref: {MAIN}"), stage.about(owner)
    stage.publish(friend.sign(kinds.STATE, *tags, at=NOW + 5))
    stage.push(friend, {MAIN: one})
    stage.later(61)
    return stage.refs(owner).get(MAIN) == stage.trunk.commits[0]


@row("1.4-second-tag", all_of(False, ngit_relay=True))
def first_tag(stage: Stage) -> object:
    """whoever a second `maintainers` tag names may push, too"""
    owner, friend, second = stage.person(), stage.person(), stage.person()
    stage.host(owner)
    event = owner.announce(
        stage.server, stage.name, friend, at=NOW + 1, extra=(("maintainers", second.pubkey),)
    )
    stage.publish(event, second.state(stage.name, {MAIN: stage.trunk.commits[1]}, at=NOW + 5))
    return stage.pushes(owner, {MAIN: stage.trunk.commits[1]})


@row("1.4-leaf", all_of(True, khatru=False, ngit_grasp_3=False))
def leaf(stage: Stage) -> object:
    """a maintainer who announced nothing: does its state authorise a push?"""
    owner, friend, two = stage.person(), stage.person(), stage.trunk.commits[1]
    stage.host(owner, None, stage.name, friend)
    stage.publish(friend.state(stage.name, {MAIN: two}, at=NOW + 5))
    return stage.pushes(owner, {MAIN: two})


@row("1.4-answered", all_of(True, khatru=False))
def answered(stage: Stage) -> object:
    """the same once it named the owner back"""
    owner, friend, two = stage.person(), stage.person(), stage.trunk.commits[1]
    stage.host(owner, None, stage.name, friend)
    stage.answer(friend, owner)
    stage.publish(friend.state(stage.name, {MAIN: two}, at=NOW + 5))
    return stage.pushes(owner, {MAIN: two})


@row(
    "1.4-roles",
    {
        SPEC: [False, False, False, False, True],
        NGIT: [False, False, False, False, True],
        NGIT_3: [True, True, False, False, False],
        GITEA: [False, False, False, False, True],
    },
)
def roles(stage: Stage) -> object:
    """who of M, m, an m whose time is over, o and `maintainers` may publish a state"""
    owner, *invited = (stage.person() for _ in range(6))
    keys = [person.pubkey for person in invited]
    tags = (
        ("M", keys[0]),
        ("m", keys[1], "1"),
        ("m", keys[2], "1", "2"),
        ("o", keys[3]),
        ("maintainers", keys[4]),
    )
    stage.host(owner)
    stage.publish(owner.announce(stage.server, stage.name, at=NOW + 1, extra=tags))
    for person in invited:
        stage.answer(person, owner)
    one = stage.trunk.commits[0]
    return stage.accepts(*(p.state(stage.name, {MAIN: one}, at=NOW + 5) for p in invited))


@row("1.4-start", {SPEC: False, NGIT: False, NGIT_3: True})
def start_check(stage: Stage) -> object:
    """a start takes away a branch that no state declares"""
    owner, one = stage.person(), stage.trunk.commits[0]
    second = stage.other()
    second.host(owner, {MAIN: one})
    second.stop()
    path = second.files(owner)
    (path / "refs" / "heads" / "stray").write_text(f"{one}\n")
    third = second.again()
    found = third.refs(owner)
    third.stop()
    return found == {MAIN: one}
