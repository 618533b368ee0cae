"""Kind 30617 (§1.3): which are accepted, what the OK says, and what is hosted then."""

from __future__ import annotations

from dataclasses import replace

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import MAIN, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some
from reconciler.nostr import kinds

PARKED = "purgatory: won't be served until git data arrives"


@row("1.3-new", all_of((True, ""), spec=(True, PARKED), ngit_grasp=(True, PARKED)))
def new(stage: Stage) -> object:
    """the OK to a new one"""
    return stage.publish(stage.person().announce(stage.server, stage.name))[0]


@row("1.3-served", all_of(True, spec=False, ngit_grasp=False))
def served(stage: Stage) -> object:
    """is it served before any push?"""
    return stage.serves(stage.announce(stage.person()))


@row(
    "1.3-again",
    all_of(
        (True, ""),
        spec=(True, "duplicate: already have this event"),
        ngit_grasp=(True, "duplicate: already have this event"),
    ),
)
def again(stage: Stage) -> object:
    """the same one once it is stored"""
    owner = stage.person()
    event = stage.announce(owner)
    stage.advance(owner, {MAIN: stage.trunk.commits[0]})
    stage.later(1)
    return stage.publish(event)[0]


@row("1.3-newer", all_of((True, "")))
def newer(stage: Stage) -> object:
    """a newer one once it is stored"""
    owner = stage.person()
    stage.host(owner)
    return stage.publish(owner.announce(stage.server, stage.name, at=NOW + 5))[0]


@row(
    "1.3-older",
    {
        SPEC: (True, "duplicate: a newer version is stored"),
        NGIT: (False, "error: unknown"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: (True, "duplicate: a newer version is stored"),
    },
)
def older(stage: Stage) -> object:
    """an older one than the stored"""
    owner = stage.person()
    stage.host(owner)
    return stage.publish(owner.announce(stage.server, stage.name, at=NOW - 5))[0]


@row("1.3-parked-older", {SPEC: NOW, NGIT: NOW - 5})
def parked_older(stage: Stage) -> object:
    """an older one than the waiting: which is promoted"""
    owner = stage.person()
    stage.announce(owner)
    stage.publish(owner.announce(stage.server, stage.name, at=NOW - 5))
    stage.advance(owner, {MAIN: stage.trunk.commits[0]})
    (found,) = stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    return found.created_at


@row("1.3-parked-again", some(((True, PARKED), 200), SPEC, NGIT))
def parked_again(stage: Stage) -> object:
    """the same one while it waits: the OK, and its 30 minutes begin anew: status after 33"""
    owner = stage.person()
    event = stage.announce(owner)
    stage.later(1000)
    answer = stage.publish(event)[0]
    stage.later(1000)
    return answer, stage.status(owner)


@row(
    "1.3-deleted",
    {
        SPEC: (False, "blocked: this event is deleted"),
        NGIT: (True, PARKED),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: (True, ""),
    },
)
def deleted(stage: Stage) -> object:
    """one that its author deleted"""
    owner = stage.person()
    event = stage.announce(owner)
    stage.publish(owner.sign(kinds.DELETION, ("e", event.id), at=NOW + 1))
    return stage.publish(event)[0]


@row("1.3-returns", all_of((True, 1), ngit_grasp=(False, 0)), read=(RELAY, KHATRU))
def returns(stage: Stage) -> object:
    """deleted by address and announced anew, with its git data: (served, refs after 31 minutes)"""
    owner = stage.person()
    stage.host(owner)
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 1))
    again = owner.announce(stage.server, stage.name, at=NOW + 2)
    stage.publish(again)
    found = stage.serves(again)
    stage.later(1861)
    return found, len(stage.refs(owner))


@row(
    "1.3-exception",
    {
        SPEC: (True, 404),
        NGIT: (True, 404),
        RELAY: (False, 404),
        KHATRU: (True, 200),
        GITEA: (True, 404),
    },
)
def exception(stage: Stage) -> object:
    """a co-maintainer's that does not list the service: (accepted, status)"""
    owner, friend = stage.person(), stage.person()
    stage.host(owner, None, stage.name, friend)
    event = friend.sign(kinds.ANNOUNCEMENT, ("d", stage.name), ("clone", "https://b.example/x.git"))
    return stage.accepts(event)[0], stage.status(friend)


@row("1.3-related", {SPEC: False, NGIT: False, RELAY: False, KHATRU: True, GITEA: True})
def related(stage: Stage) -> object:
    """one that is related to a stored event, and does not list the service"""
    owner = stage.person()
    stage.host(owner)
    other = stage.person().sign(kinds.ANNOUNCEMENT, ("d", "fork"), stage.about(owner))
    return stage.accepts(other)[0]


@row(
    "1.3-dropped",
    {
        SPEC: (False, NOW, 200),
        NGIT: (True, NOW + 9, 200),
        RELAY: (False, NOW, 200),
        KHATRU: (True, NOW + 9, 200),
        GITEA: (True, NOW + 9, 404),
    },
)
def dropped(stage: Stage) -> object:
    """a newer one without the service: (accepted, which is served, status)"""
    owner = stage.person()
    stage.host(owner)
    gone = owner.sign(
        kinds.ANNOUNCEMENT, ("d", stage.name), ("clone", "https://b.example/x.git"), at=NOW + 9
    )
    accepted = stage.accepts(gone)[0]
    (found,) = stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    return accepted, found.created_at, stage.status(owner)


@row("1.3-withdrawn", {SPEC: 404, NGIT: 404})
def withdrawn(stage: Stage) -> object:
    """the same while it waits: status"""
    owner = stage.person()
    stage.announce(owner)
    stage.publish(owner.sign(kinds.ANNOUNCEMENT, ("d", stage.name), at=NOW + 9))
    return stage.status(owner)


@row("1.3-later", all_of((0.0, 200, 200), ngit_relay=(0.05, 404, 200)))
def later(stage: Stage) -> object:
    """how long after the OK the repository is made; with 9 s instead: its status then, and later"""
    rules = stage.preset.announcements
    slow = replace(rules, creation_seconds=rules.creation_seconds and 9.0)
    second = stage.other(family=replace(stage.preset, announcements=slow))
    owner = second.person()
    second.publish(owner.announce(second.server, stage.name))
    first = second.status(owner)
    second.later(10)
    found = rules.creation_seconds, first, second.status(owner)
    second.stop()
    return found


@row("1.3-head", all_of("ref: refs/heads/master", khatru="none before a push"))
def empty_head(stage: Stage) -> object:
    """HEAD of an empty repository: what git makes of it without being told"""
    owner = stage.person()
    stage.announce(owner)
    assert stage.status(owner) == 200
    file = stage.files(owner) / "HEAD"
    return file.read_text().strip() if file.exists() else "none before a push"


@row("1.3-swallowed", some(((True, PARKED), True, (False, False)), NGIT))
def swallowed(stage: Stage) -> object:
    """announced anew, not newer than its deletion: (the OK, a push's end, what is served then)"""
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 5))
    again = owner.announce(stage.server, stage.name, at=NOW + 5, extra=(("name", "again"),))
    state = owner.state(stage.name, {MAIN: two}, at=NOW + 6)
    answer, _ = stage.publish(again, state)
    pushed = stage.push(owner, {MAIN: two}).done
    assert stage.refs(owner) == {MAIN: two}
    return answer, pushed, (stage.serves(again), stage.serves(state))


@row("1.3-soft", some((404, 200), SPEC, NGIT))
def soft(stage: Stage) -> object:
    """30 minutes without data, and after a state: status"""
    owner = stage.person()
    stage.announce(owner)
    stage.later(1801)
    first = stage.status(owner)
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}))
    return first, stage.status(owner)


@row("1.3-forgotten", some(False, SPEC, NGIT), read=(NGIT,))
def forgotten(stage: Stage) -> object:
    """a day later a state revives nothing"""
    owner = stage.person()
    stage.announce(owner)
    stage.later(1801)
    stage.later(86_401)
    return stage.accepts(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}))[0]


@row("1.3-provisions", all_of(200, gitea=404))
def provisions(stage: Stage) -> object:
    """eleven new repositories in an hour: the last one's status"""
    owner = stage.person()
    for number in range(11):
        stage.publish(owner.announce(stage.server, f"r{number}"))
    stage.clock.advance(1)
    return stage.status(owner, "r10")


@row("1.3-neighbour", all_of([True, True], ngit_relay=[False, True]), guesses=(GITEA,))
def neighbour(stage: Stage) -> object:
    """`x-cli`, and then a newer `x` of the same author: which are served"""
    owner, one = stage.person(), stage.trunk.commits[0]
    named = {f"{stage.name}-cli": NOW, stage.name: NOW + 10}
    events = [owner.announce(stage.server, name, at=at) for name, at in named.items()]
    for event, (name, at) in zip(events, named.items(), strict=True):
        assert stage.accepts(event)[0]
        stage.made(owner, name)
        stage.advance(owner, {MAIN: one}, name, at=at + 1)
    return [stage.serves(event) for event in events]


@row(
    "1.3-neighbour-newer", {RELAY: ((True, ""), [True, False]), KHATRU: ((True, ""), [True, True])}
)
def neighbour_newer(stage: Stage) -> object:
    """`x-cli`, and then an older `x` of the same author: the OK to it, and which are served"""
    owner, name = stage.person(), stage.name
    longer = stage.announce(owner, f"{name}-cli")
    shorter = owner.announce(stage.server, name, at=NOW - 10)
    answer = stage.publish(shorter)[0]
    return answer, [stage.serves(longer), stage.serves(shorter)]
