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
    "a state before its announcement",
    {
        SPEC: (False, "invalid: no announcement exists for this repository"),
        NGIT: (False, "invalid: no announcement exists for this repository"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: REFUSED,
    },
)
def unannounced(stage: Stage) -> object:
    return stage.publish(stage.person().state("widget-none", {MAIN: stage.trunk.stray}))[0]


@row(
    "2.1-stranger",
    "a stranger's state",
    {
        SPEC: (False, "invalid: author not authorized for this repository"),
        NGIT: (False, "invalid: author not authorized for this repository"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: REFUSED,
    },
)
def stranger(stage: Stage) -> object:
    owner, name = stage.person(), f"of {id(stage)}".replace(" ", "-")
    stage.announce(owner, name)
    return stage.publish(stage.person().state(name, {MAIN: stage.trunk.stray}))[0]


@row("2.1-stranger-moves", "what a stranger's state moves", all_of(True))
def stranger_moves(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner, {MAIN: stage.trunk.commits[1]}, "mine")
    stage.publish(stage.person().state("mine", {MAIN: stage.trunk.commits[0]}, at=NOW + 9))
    stage.later(61)
    return stage.refs(owner, "mine") == {MAIN: stage.trunk.commits[1]}


@row(
    "2.1-twice",
    "the same one while it waits",
    {
        SPEC: (True, "duplicate: in purgatory"),
        NGIT: (True, "duplicate: in purgatory"),
        GITEA: (True, ""),
    },
)
def twice(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: stage.trunk.stray})
    return stage.publish(state, state)[1]


@row(
    "2.1-rewind",
    "a state whose objects are here: refs follow without a push",
    all_of(True, ngit_relay=False, khatru=False),
)
def rewind(stage: Stage) -> object:
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    stage.publish(owner.state(stage.name, {MAIN: one}, at=NOW + 1))
    stage.later(61)
    return stage.refs(owner) == {MAIN: one}


@row("2.1-parts", "only some objects are here: refs follow so far", all_of(False))
def parts(stage: Stage) -> object:
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: stage.trunk.stray}, at=NOW + 1))
    stage.later(61)
    return stage.refs(owner) == {MAIN: one}


@row(
    "2.1-released",
    "the pushed state is served: at once, and in half a minute",
    all_of((True, True), gitea=(False, True)),
)
def released(stage: Stage) -> object:
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
    "an older one of the same author",
    {
        SPEC: (True, "duplicate: a newer version is stored"),
        NGIT: (False, "error: unknown"),
        RELAY: (True, ""),
        KHATRU: (True, ""),
        GITEA: (True, "duplicate: a newer version is stored"),
    },
)
def older(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    stage.later(1)
    return stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}, at=NOW - 9))[0]


@row(
    "2.1-other-owners",
    "other owners' repositories: at once, and after a minute",
    all_of((True, True), ngit_relay=(False, True), khatru=(False, False)),
)
def other_owners(stage: Stage) -> object:
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


@row("2.1-hint", "several repositories are meant and none is named", all_of(True, gitea=False))
def hint(stage: Stage) -> object:
    owner, friend = stage.person(), stage.person()
    stage.host(owner, None, stage.name, friend)
    stage.announce(friend, stage.name, owner)
    return stage.accepts(friend.state(stage.name, {MAIN: stage.trunk.commits[0]}, at=NOW + 5))[0]


@row(
    "2.1-no-d",
    "a state without `d`: (accepted, does the server outlive it?)",
    {
        SPEC: (False, True),
        NGIT: (False, True),
        RELAY: (True, False),
        KHATRU: (True, True),
        GITEA: (False, True),
    },
)
def no_d(stage: Stage) -> object:
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
    "a value that is no object id: (accepted, served)",
    {
        SPEC: (True, False),
        NGIT: (True, False),
        RELAY: (True, True),
        KHATRU: (True, True),
        GITEA: (False, False),
    },
)
def odd_value(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: "abc123"})
    return stage.accepts(state)[0], stage.serves(state)


@row(
    "2.2-older-other",
    "another maintainer's older state: (accepted, served, refs stay as they are)",
    all_of((True, True, True)),
)
def older_other(stage: Stage) -> object:
    owner, friend, (one, two, _) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two}, stage.name, friend, at=NOW + 5)
    stage.answer(friend, owner)
    state = friend.state(stage.name, {MAIN: one}, at=NOW + 2)
    accepted = stage.accepts(state)[0]
    stage.later(61)
    return accepted, stage.serves(state), stage.refs(owner) == {MAIN: two}


@row(
    "2.2-oldest-first",
    "two waiting states, and the push of both's objects: they are served in turn",
    some([0, 1], SPEC, NGIT, GITEA),
)
def oldest_first(stage: Stage) -> object:
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


@row(
    "2.2-old-waiting",
    "an older waiting state may turn the refs back",
    all_of(False, ngit_grasp=True),
)
def old_waiting(stage: Stage) -> object:
    owner, friend, (one, two, _) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one}, stage.name, friend)
    stage.answer(friend, owner)
    stage.publish(friend.state(stage.name, {MAIN: stage.trunk.stray}, at=NOW + 1))
    stage.advance(owner, {MAIN: two}, at=NOW + 5)
    return stage.pushes(owner, {MAIN: stage.trunk.stray})


@row(
    "2.2-lost-data",
    "the state is served and the refs are lost: may they be pushed again?",
    all_of(True, ngit_grasp=False),
)
def lost_data(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one})
    stage.later(1)
    path = stage.files(owner) / "refs" / "heads" / "main"
    path.unlink()
    return stage.pushes(owner, {MAIN: one})


@row(
    "2.2-tie",
    "two maintainers in one second: whose is followed",
    {SPEC: "lowest", NGIT: "highest", NGIT_3: "lowest", RELAY: "last", GITEA: "lowest"},
)
def tie(stage: Stage) -> object:
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


@row("2.2-future", "a state an hour ahead", all_of(True, ngit_relay=False))
def future(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    ahead = int(stage.clock()) + 3600
    return stage.accepts(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}, at=ahead))[0]


@row("2.2-head-only", "a state that moves HEAD alone takes effect", all_of(DEV, khatru=MAIN))
def head_only(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: one}, head="dev", at=NOW + 1))
    stage.settle()
    found = stage.listing(owner)
    return found and found.head


@row(
    "2.2-head-missing",
    "HEAD names a branch that is not declared: HEAD, and the push's answer",
    all_of((MAIN, True), khatru=(MAIN, False)),
)
def head_missing(stage: Stage) -> object:
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, head="gone", at=NOW + 1))
    pushed = stage.push(owner, {MAIN: two})
    assert stage.refs(owner) == {MAIN: two}
    found = stage.listing(owner)
    return found and found.head, pushed.done


@row("2.2-head-bare", "HEAD's value without `ref: `", all_of(MAIN, spec=DEV, ngit_grasp=DEV))
def head_bare(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    bare = (("d", stage.name), (MAIN, one), (DEV, one), ("HEAD", DEV))
    stage.publish(owner.sign(30_618, *bare, at=NOW + 1))
    stage.settle()
    found = stage.listing(owner)
    return found and found.head


@row("2.2-peeled", "peeled tags in a state are decoration", all_of(True))
def peeled(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, TAG: one, f"{TAG}^{{}}": one}))
    return stage.pushes(owner, {MAIN: one, TAG: one})


@row("2.2-other-names", "other refs in a state are ignored", all_of(True))
def other_names(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, "refs/notes/x": one}))
    return stage.pushes(owner, {MAIN: one})


@row(
    "2.2-symbolic",
    "a symbolic value: (accepted, may the rest be pushed?)",
    {
        SPEC: (True, True),
        NGIT: (True, False),
        RELAY: (True, True),
        KHATRU: (True, True),
        GITEA: (False, False),
    },
)
def symbolic(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: one, DEV: f"ref: {MAIN}"})
    return stage.accepts(state)[0], stage.pushes(owner, {MAIN: one})


@row("2.2-empty", "a state without refs deletes them all", all_of(True, khatru=False))
def empty(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, TAG: one})
    stage.publish(owner.state(stage.name, {}, at=NOW + 1))
    stage.settle()
    return stage.refs(owner) == {}


@row("2.2-delete-only", "a state that drops a branch deletes it", all_of(True, khatru=False))
def delete_only(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: one}, at=NOW + 1))
    stage.settle()
    return stage.refs(owner) == {MAIN: one}


@row("2.2-restart", "what waits outlives a crash", some(False, SPEC, NGIT) | some(True, GITEA))
def restart(stage: Stage) -> object:
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
