"""Kind 30618: who may publish, what follows, and the corners of §2.2."""

from __future__ import annotations

import time

import requests

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import DEV, MAIN, TAG, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, NGIT_3, RELAY, SPEC, all_of, row, some

REFUSED = (False, "blocked: repository state signer is not authorized for a hosted repository")
PARKED = (True, "purgatory: won't be served until git data arrives")


@row(
    "2.1-unannounced",
    {
        SPEC: (False, "invalid: no announcement exists for this repository"),
        NGIT: (False, "invalid: no announcement exists for this repository"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: REFUSED,
    },
)
def unannounced(stage: Stage) -> object:
    """a state before its announcement"""
    return stage.publish(stage.person().state("widget-none", {MAIN: stage.trunk.stray}))[0]


@row(
    "2.1-stranger",
    {
        SPEC: (False, "invalid: author not authorized for this repository"),
        NGIT: (False, "invalid: author not authorized for this repository"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: REFUSED,
    },
)
def stranger(stage: Stage) -> object:
    """a stranger's state"""
    owner, name = stage.person(), f"of {id(stage)}".replace(" ", "-")
    stage.announce(owner, name)
    return stage.publish(stage.person().state(name, {MAIN: stage.trunk.stray}))[0]


@row("2.1-stranger-moves", all_of(True))
def stranger_moves(stage: Stage) -> object:
    """what a stranger's state moves"""
    owner = stage.person()
    stage.host(owner, {MAIN: stage.trunk.commits[1]}, "mine")
    stage.publish(stage.person().state("mine", {MAIN: stage.trunk.commits[0]}, at=NOW + 9))
    stage.later(61)
    return stage.refs(owner, "mine") == {MAIN: stage.trunk.commits[1]}


@row(
    "2.1-twice",
    {
        SPEC: (True, "duplicate: in purgatory"),
        NGIT: (True, "duplicate: in purgatory"),
        GITEA: (True, ""),
    },
)
def twice(stage: Stage) -> object:
    """the same one while it waits"""
    owner = stage.person()
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: stage.trunk.stray})
    return stage.publish(state, state)[1]


@row("2.1-rewind", all_of(True, ngit_relay=False, khatru=False))
def rewind(stage: Stage) -> object:
    """a state whose objects are here: refs follow without a push"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    stage.publish(owner.state(stage.name, {MAIN: one}, at=NOW + 1))
    stage.later(61)
    return stage.refs(owner) == {MAIN: one}


@row("2.1-parts", all_of(False))
def parts(stage: Stage) -> object:
    """only some objects are here: refs follow so far"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: stage.trunk.stray}, at=NOW + 1))
    stage.later(61)
    return stage.refs(owner) == {MAIN: one}


@row("2.1-released", all_of((True, True), gitea=(False, True)))
def released(stage: Stage) -> object:
    """the pushed state is served: at once, and in half a minute"""
    owner = stage.person()
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: stage.trunk.commits[0]})
    stage.publish(state)
    stage.push(owner, {MAIN: stage.trunk.commits[0]})
    first = stage.serves(state)
    stage.later(31)
    return first, stage.serves(state)


@row(
    "2.1-older",
    {
        SPEC: (True, "duplicate: a newer version is stored"),
        NGIT: (False, "error: unknown"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: (True, "duplicate: a newer version is stored"),
    },
)
def older(stage: Stage) -> object:
    """an older one of the same author"""
    owner = stage.person()
    stage.host(owner)
    stage.later(1)
    return stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}, at=NOW - 9))[0]


@row("2.1-other-owners", all_of((True, True), ngit_relay=(False, True), khatru=(False, False)))
def other_owners(stage: Stage) -> object:
    """other owners' repositories: at once, and after a minute"""
    owner, friend, (one, two, _) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two}, stage.name, friend)
    stage.announce(friend, stage.name, owner)
    stage.later(61)
    friend_state = friend.state(stage.name, {MAIN: one}, at=NOW + 5)
    hinted = friend.sign(friend_state.kind, *friend_state.tags, stage.about(owner), at=NOW + 5)
    stage.publish(hinted)
    first = stage.refs(owner) == {MAIN: one}
    stage.later(61)
    return first, stage.refs(owner) == {MAIN: one}


@row("2.1-hint", all_of(True, gitea=False))
def hint(stage: Stage) -> object:
    """several repositories are meant and none is named"""
    owner, friend = stage.person(), stage.person()
    stage.host(owner, None, stage.name, friend)
    stage.announce(friend, stage.name, owner)
    return stage.accepts(friend.state(stage.name, {MAIN: stage.trunk.commits[0]}, at=NOW + 5))[0]


@row(
    "2.1-no-d",
    {
        SPEC: (False, True),
        NGIT: (False, True),
        RELAY: (True, False),
        KHATRU: (True, True),
        GITEA: (False, True),
    },
)
def no_d(stage: Stage) -> object:
    """a state without `d`: (accepted, does the server outlive it?)"""
    second = stage.other()
    accepted = second.accepts(second.person().sign(30_618, (MAIN, stage.trunk.stray)))[0]
    found = accepted, not _ends(second)
    second.stop()
    return found


def _ends(stage: Stage) -> bool:
    """Does nobody answer any more, within a second?"""
    for _ in range(20):
        try:
            stage.info()
        except requests.ConnectionError:
            return True
        time.sleep(0.05)
    return False


@row(
    "2.1-odd",
    {
        SPEC: (True, False),
        NGIT: (True, False),
        RELAY: (True, True),
        KHATRU: (True, True),
        GITEA: (False, False),
    },
)
def odd_value(stage: Stage) -> object:
    """a value that is no object id: (accepted, served)"""
    owner = stage.person()
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: "abc123"})
    return stage.accepts(state)[0], stage.serves(state)


@row("2.2-older-other", all_of((True, True, True)))
def older_other(stage: Stage) -> object:
    """another maintainer's older state: (accepted, served, refs stay as they are)"""
    owner, friend, (one, two, _) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two}, stage.name, friend, at=NOW + 5)
    stage.answer(friend, owner)
    state = friend.state(stage.name, {MAIN: one}, at=NOW + 2)
    accepted = stage.accepts(state)[0]
    stage.later(61)
    return accepted, stage.serves(state), stage.refs(owner) == {MAIN: two}


@row("2.2-oldest-first", some([0, 1], SPEC, NGIT, GITEA))
def oldest_first(stage: Stage) -> object:
    """two waiting states, and the push of both's objects: they are served in turn"""
    owner, (one, two, three) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    states = [
        owner.state(stage.name, {MAIN: oid}, at=NOW + 5 + n) for n, oid in enumerate((two, three))
    ]
    stage.publish(*reversed(states))
    with stage.connect() as relay:
        relay.send("REQ", "live", {"ids": [state.id for state in states]})
        assert relay.receive()[0] == "EOSE"
        assert stage.pushes(owner, {MAIN: three})
        stage.later(31)
        return [[s.id for s in states].index(relay.receive()[2]["id"]) for _ in states]


@row("2.2-old-waiting", all_of(False, ngit_grasp=True))
def old_waiting(stage: Stage) -> object:
    """an older waiting state may turn the refs back"""
    owner, friend, (one, two, _) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one}, stage.name, friend)
    stage.answer(friend, owner)
    stage.publish(friend.state(stage.name, {MAIN: stage.trunk.stray}, at=NOW + 1))
    stage.advance(owner, {MAIN: two}, at=NOW + 5)
    return stage.pushes(owner, {MAIN: stage.trunk.stray})


@row("2.2-lost-data", all_of(True, ngit_grasp=False))
def lost_data(stage: Stage) -> object:
    """the state is served and the refs are lost: may they be pushed again?"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one})
    stage.later(1)
    path = stage.files(owner) / "refs" / "heads" / "main"
    path.unlink()
    return stage.pushes(owner, {MAIN: one})


@row("2.2-tie", {SPEC: "lowest", NGIT: "highest", NGIT_3: "lowest", RELAY: "last", GITEA: "lowest"})
def tie(stage: Stage) -> object:
    """two maintainers in one second: whose is followed"""
    owner, friend, (one, two, three) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: three}, stage.name, friend)
    stage.answer(friend, owner)
    found: set[str] = set()
    for at in range(NOW + 10, NOW + 26):
        first = owner.state(stage.name, {MAIN: one}, at=at)
        second = friend.state(stage.name, {MAIN: two}, at=at)
        stage.publish(first, second)
        stage.later(61)
        follows_first = stage.pushes(owner, {MAIN: one})  # where refs do not follow by themselves
        assert follows_first or stage.pushes(owner, {MAIN: two})
        winner = first if follows_first else second
        names = {"first"} if follows_first else {"last"}
        names.add("lowest" if winner.id == min(first.id, second.id) else "highest")
        found = names & found if found else names
    return next(iter(found), "neither")


@row("2.2-future", all_of(True, ngit_relay=False))
def future(stage: Stage) -> object:
    """a state an hour ahead"""
    owner = stage.person()
    stage.announce(owner)
    ahead = int(stage.clock()) + 3600
    return stage.accepts(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}, at=ahead))[0]


@row("2.2-head-only", all_of(DEV, khatru=MAIN))
def head_only(stage: Stage) -> object:
    """a state that moves HEAD alone takes effect"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: one}, head="dev", at=NOW + 1))
    stage.settle()
    found = stage.listing(owner)
    return found and found.head


@row("2.2-head-missing", all_of((MAIN, True), khatru=(MAIN, False)))
def head_missing(stage: Stage) -> object:
    """HEAD names a branch that is not declared: HEAD, and the push's answer"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, head="gone", at=NOW + 1))
    pushed = stage.push(owner, {MAIN: two})
    assert stage.refs(owner) == {MAIN: two}
    found = stage.listing(owner)
    return found and found.head, pushed.done


@row("2.2-head-bare", all_of(MAIN, spec=DEV, ngit_grasp=DEV))
def head_bare(stage: Stage) -> object:
    """HEAD's value without `ref: `"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    bare = (("d", stage.name), (MAIN, one), (DEV, one), ("HEAD", DEV))
    stage.publish(owner.sign(30_618, *bare, at=NOW + 1))
    stage.settle()
    found = stage.listing(owner)
    return found and found.head


@row("2.2-peeled", all_of(True))
def peeled(stage: Stage) -> object:
    """peeled tags in a state are decoration"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, TAG: one, f"{TAG}^{{}}": one}))
    return stage.pushes(owner, {MAIN: one, TAG: one})


@row("2.2-other-names", all_of(True))
def other_names(stage: Stage) -> object:
    """other refs in a state are ignored"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, "refs/notes/x": one}))
    return stage.pushes(owner, {MAIN: one})


@row(
    "2.2-symbolic",
    {
        SPEC: (True, True),
        NGIT: (True, False),
        RELAY: (True, True),
        KHATRU: (True, True),
        GITEA: (False, False),
    },
)
def symbolic(stage: Stage) -> object:
    """a symbolic value: (accepted, may the rest be pushed?)"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: one, DEV: f"ref: {MAIN}"})
    return stage.accepts(state)[0], stage.pushes(owner, {MAIN: one})


@row("2.2-empty", all_of(True, khatru=False))
def empty(stage: Stage) -> object:
    """a state without refs deletes them all"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, TAG: one})
    stage.publish(owner.state(stage.name, {}, at=NOW + 1))
    stage.settle()
    return stage.refs(owner) == {}


@row("2.2-delete-only", all_of(True, khatru=False))
def delete_only(stage: Stage) -> object:
    """a state that drops a branch deletes it"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: one}, at=NOW + 1))
    stage.settle()
    return stage.refs(owner) == {MAIN: one}


@row("2.2-restart", some(False, SPEC, NGIT) | some(True, GITEA))
def restart(stage: Stage) -> object:
    """what waits outlives a crash"""
    second = stage.other()
    owner = stage.person()
    second.announce(owner)
    state = owner.state(stage.name, {MAIN: stage.trunk.commits[0]})
    second.publish(state)
    second.stop()
    third = second.again()
    kept = third.pushes(owner, {MAIN: stage.trunk.commits[0]})
    third.stop()
    return kept
