"""Deletions (§3.3): what they reach, and what comes back."""

from __future__ import annotations

from reconciler.nostr import kinds
from tests.sandbox.kit import NOW

from .stage import DEV, MAIN, Stage
from .table import GITEA, KHATRU, NGIT, RELAY, SPEC, row, some


@row(
    "3.3-deletes",
    "a deletion by the author: (accepted, is its target served?)",
    {
        SPEC: (True, False),
        NGIT: (True, False),
        RELAY: (False, False),
        KHATRU: (True, False),
        GITEA: (False, True),
    },
)
def deletes(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    stage.publish(issue)
    accepted = stage.accepts(writer.sign(kinds.DELETION, ("e", issue.id), at=NOW + 1))[0]
    return accepted, stage.serves(issue)


@row(
    "3.3-comes-back",
    "a deleted event that is sent again",
    {SPEC: False, NGIT: False, RELAY: True, KHATRU: False},
)
def comes_back(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    return stage.accepts(issue, writer.sign(kinds.DELETION, ("e", issue.id), at=NOW + 1), issue)[2]


@row(
    "3.3-foreign",
    "a deletion of somebody else's event: (accepted, is it still served?)",
    {
        SPEC: (True, True),
        NGIT: (False, True),
        RELAY: (True, True),
        KHATRU: (False, True),
        GITEA: (False, True),
    },
)
def foreign(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    issue = stage.person().sign(kinds.ISSUE, stage.about(owner))
    stage.publish(issue)
    accepted = stage.accepts(stage.person().sign(kinds.DELETION, ("e", issue.id)))[0]
    return accepted, stage.serves(issue)


@row(
    "3.3-nothing",
    "a deletion of nothing",
    {SPEC: True, NGIT: True, RELAY: False, KHATRU: False, GITEA: False},
)
def nothing(stage: Stage) -> object:
    return stage.accepts(stage.person().sign(kinds.DELETION, ("e", "ef" * 32)))[0]


@row("3.3-git-stays", "deleting an announcement leaves its git data", some(200, SPEC, NGIT, RELAY))
def git_stays(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner, {MAIN: stage.trunk.commits[0], DEV: stage.trunk.commits[0]})
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 1))
    assert not stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    return stage.status(owner)
