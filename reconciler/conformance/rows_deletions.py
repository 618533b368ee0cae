"""Deletions (§3.3): what they reach, and what comes back."""

from __future__ import annotations

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import DEV, MAIN, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, row, some
from reconciler.nostr import kinds

NOT_AUTHOR = "blocked: you are not the author of this event"


@row(
    "3.3-deletes",
    {
        SPEC: (True, False),
        NGIT: (True, False),
        RELAY: (False, False),
        KHATRU: (True, False),
        GITEA: (False, True),
    },
)
def deletes(stage: Stage) -> object:
    """a deletion by the author: (accepted, is its target served?)"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    stage.publish(issue)
    accepted = stage.accepts(writer.sign(kinds.DELETION, ("e", issue.id), at=NOW + 1))[0]
    return accepted, stage.serves(issue)


@row("3.3-comes-back", {SPEC: False, NGIT: False, RELAY: True, KHATRU: True})
def comes_back(stage: Stage) -> object:
    """a deleted event that is sent again"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    return stage.accepts(issue, writer.sign(kinds.DELETION, ("e", issue.id), at=NOW + 1), issue)[2]


@row(
    "3.3-early",
    {
        SPEC: (False, False),
        NGIT: (True, True),
        RELAY: (True, False),
        KHATRU: (True, False),
        GITEA: (True, True),
    },
)
def early(stage: Stage) -> object:
    """a deletion before its target: is that served, and after the same deletion once more?"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    deletion = writer.sign(kinds.DELETION, ("e", issue.id), at=NOW + 1)
    stage.publish(deletion, issue)
    first = stage.serves(issue)
    stage.publish(deletion)
    return first, stage.serves(issue)


@row("3.3-anew", some((False, True), NGIT) | some((True, True), SPEC, RELAY, KHATRU))
def anew(stage: Stage) -> object:
    """deleted and announced anew, with the git data still there: served, and after any push?"""
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 5))
    again = owner.announce(stage.server, stage.name, at=NOW + 6)
    stage.publish(again)
    first = stage.serves(again)
    stage.push(owner, {"refs/nostr/" + "34" * 32: two})
    return first, stage.serves(again)


@row(
    "3.3-foreign",
    {
        SPEC: (True, True),
        NGIT: (False, True),
        RELAY: (False, True),
        KHATRU: (False, True),
        GITEA: (False, True),
    },
)
def foreign(stage: Stage) -> object:
    """a deletion of somebody else's event: (accepted, is it still served?)"""
    owner = stage.person()
    stage.host(owner)
    issue = stage.person().sign(kinds.ISSUE, stage.about(owner))
    stage.publish(issue)
    accepted = stage.accepts(stage.person().sign(kinds.DELETION, ("e", issue.id)))[0]
    return accepted, stage.serves(issue)


@row("3.3-nothing", {SPEC: True, NGIT: True, RELAY: False, KHATRU: False, GITEA: False})
def nothing(stage: Stage) -> object:
    """a deletion of nothing"""
    return stage.accepts(stage.person().sign(kinds.DELETION, ("e", "ef" * 32)))[0]


@row("3.3-kept", some(False, NGIT, RELAY, GITEA) | some(True, KHATRU))
def kept(stage: Stage) -> object:
    """a deletion that is refused: is it served all the same?"""
    owner = stage.person()
    stage.host(owner)
    issue = stage.person().sign(kinds.ISSUE, stage.about(owner))
    deletion = stage.person().sign(kinds.DELETION, ("e", issue.id))
    assert stage.accepts(issue, deletion) == [True, False]
    return stage.serves(deletion)


@row("3.3-git-stays", some(200, SPEC, NGIT, RELAY))
def git_stays(stage: Stage) -> object:
    """deleting an announcement leaves its git data"""
    owner = stage.person()
    stage.host(owner, {MAIN: stage.trunk.commits[0], DEV: stage.trunk.commits[0]})
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 1))
    assert not stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    return stage.status(owner)


@row(
    "3.3-address",
    {
        SPEC: [False, True],
        NGIT: [True, True],
        RELAY: [True, True],
        KHATRU: [True, True],
        GITEA: [True, True],
    },
)
def by_address(stage: Stage) -> object:
    """by address, up to its second: one of that second again, and one a second later"""
    owner = stage.person()
    stage.host(owner)
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 5))
    events = (owner.announce(stage.server, stage.name, at=NOW + n) for n in (5, 6))
    return stage.accepts(*events)


@row(
    "3.3-foreign-address",
    {
        SPEC: ((True, ""), True),
        NGIT: ((False, "error: unknown"), True),
        RELAY: ((False, NOT_AUTHOR), True),
        KHATRU: ((False, NOT_AUTHOR), True),
        GITEA: (
            (False, "blocked: only GRASP repository and collaboration events are accepted"),
            True,
        ),
    },
)
def foreign_address(stage: Stage) -> object:
    """of somebody else's repository by address: (the OK, is it still served?)"""
    owner = stage.person()
    stage.host(owner)
    (answer,) = stage.publish(stage.person().sign(kinds.DELETION, stage.about(owner), at=NOW + 1))
    return answer, bool(stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey]))


@row("3.3-waiting-repo", some([404, 404], SPEC, NGIT))
def waiting_repo(stage: Stage) -> object:
    """of an announcement that waits, by id and by address: status of its repository"""
    found = []
    for by_id in (True, False):
        owner = stage.person()
        event = stage.announce(owner)
        tag = ("e", event.id) if by_id else stage.about(owner)
        stage.publish(owner.sign(kinds.DELETION, tag, at=NOW + 1))
        found.append(stage.status(owner))
    return found


@row("3.3-waiting-state", some([False, False], SPEC, NGIT) | some([True, True], GITEA))
def waiting_state(stage: Stage) -> object:
    """of a state that waits, by id and by address: does its push pass?"""
    found = []
    for by_id in (True, False):
        owner, two = stage.person(), stage.trunk.commits[1]
        stage.host(owner)
        state = owner.state(stage.name, {MAIN: two}, at=NOW + 5)
        tag = ("e", state.id) if by_id else ("a", f"{kinds.STATE}:{owner.pubkey}:{stage.name}")
        stage.publish(state, owner.sign(kinds.DELETION, tag, at=NOW + 6))
        found.append(stage.pushes(owner, {MAIN: two}))
        stage.begin()
    return found


@row("3.3-waiting-pull", some((True, False), SPEC, NGIT) | some((False, True), GITEA))
def waiting_pull(stage: Stage) -> object:
    """of a pull request that waits: (does another commit pass, is it served after its own)"""
    owner, writer, two = stage.person(), stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = writer.pull(owner, stage.name, two)
    stage.publish(pull, writer.sign(kinds.DELETION, ("e", pull.id), at=NOW + 1))
    other = stage.pushes(owner, {f"refs/nostr/{pull.id}": stage.trunk.stray})
    stage.push(owner, {f"refs/nostr/{pull.id}": two})
    stage.later(31)
    return other, stage.serves(pull)
