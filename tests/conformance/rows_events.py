"""Issues, pull requests, comments, deletions: what is taken, and what waits (§3)."""

from __future__ import annotations

from reconciler.nostr import kinds
from tests.sandbox.kit import NOW

from .stage import DEV, MAIN, ZERO, Stage
from .table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some

UNRELATED = "Event event must reference an accepted repository or accepted event"


@row(
    "3.1-unrelated",
    "an event that relates to nothing",
    {
        SPEC: (False, UNRELATED),
        NGIT: (False, UNRELATED),
        KHATRU: (True, ""),
        RELAY: (False, "blocked: event does not relate to a stored repository"),
        GITEA: (False, "blocked: event does not reference a hosted repository"),
    },
)
def unrelated(stage: Stage) -> object:
    return stage.publish(stage.person().sign(kinds.COMMENT, content="alone"))[0]


@row(
    "3.1-waiting-repo",
    "an issue of a repository that has no data yet",
    all_of(True, spec=False, ngit_grasp=False),
)
def waiting_repo(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner)))[0]


@row("3.1-roots", "patches, issues and statuses of a hosted one", all_of([True, True, True]))
def roots(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    patch = writer.sign(kinds.PATCH, stage.about(owner))
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    status = writer.sign(kinds.STATUS_CLOSED, ("e", issue.id))
    return stage.accepts(patch, issue, status)


@row("3.1-comment", "a comment by its root (E)", all_of(True))
def comment(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    return stage.accepts(issue, writer.sign(kinds.COMMENT, ("E", issue.id)))[1]


@row("3.1-comment-on-comment", "a comment by its parent alone (e)", all_of(True, gitea=False))
def on_comment(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    first = writer.sign(kinds.COMMENT, ("E", issue.id))
    return stage.accepts(issue, first, writer.sign(kinds.COMMENT, ("e", first.id), at=NOW + 1))[2]


@row("3.1-upper-a", "a comment by the repository's address in A", all_of(True, gitea=False))
def upper_a(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.COMMENT, ("A", stage.about(owner)[1])))[0]


@row("3.1-quote", "a note that quotes the repository (q)", all_of(True, gitea=False))
def quote(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.NOTE, ("q", stage.about(owner)[1])))[0]


@row("3.1-label", "a label on an issue (1985)", all_of(True, gitea=False))
def label(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    return stage.accepts(issue, writer.sign(kinds.LABEL, ("e", issue.id)))[1]


@row(
    "3.1-grasp-list",
    "a GRASP list (10317) of anybody",
    {SPEC: True, NGIT: True, RELAY: False, KHATRU: True, GITEA: False},
)
def grasp_list(stage: Stage) -> object:
    return stage.accepts(stage.person().sign(kinds.GRASP_LIST))[0]


@row("3.1-profile", "a profile or relay list that nothing names", all_of(False, khatru=True))
def profile(stage: Stage) -> object:
    return any(stage.accepts(stage.person().sign(kinds.PROFILE), stage.person().sign(10_002)))


@row("3.1-large-tag", "a single-letter tag of 121 characters", all_of(True, ngit_relay=False))
def large_tag(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner), ("t", "x" * 121)))[0]


@row(
    "3.2-waits",
    "a pull request before its commit: (the OK, served)",
    {
        SPEC: ("purgatory", False),
        NGIT: ("purgatory", False),
        RELAY: ("", True),
        KHATRU: ("", True),
        GITEA: ("", False),
    },
)
def waits(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, stage.trunk.commits[1])
    ((accepted, message),) = stage.publish(pull)
    assert accepted
    return message.partition(":")[0], stage.serves(pull)


@row("3.2-event-first", "then the push of its commit: served in time", all_of((True, True)))
def event_first(stage: Stage) -> object:
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    stage.publish(pull)
    pushed = stage.pushes(owner, {f"refs/nostr/{pull.id}": two})
    stage.later(31)
    return pushed, stage.serves(pull)


@row(
    "3.2-push-first",
    "the push before the event: both are there in the end",
    some((True, True), SPEC, NGIT, RELAY, GITEA),
)
def push_first(stage: Stage) -> object:
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    pushed = stage.pushes(owner, {f"refs/nostr/{pull.id}": two})
    stage.publish(pull)
    return pushed, stage.serves(pull)


@row(
    "3.2-own-ref",
    "the commit is here already: the server makes the ref itself",
    all_of(True, ngit_relay=False, khatru=False),
)
def own_ref(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, one)
    stage.publish(pull)
    return stage.refs(owner).get(f"refs/nostr/{pull.id}") == one


@row(
    "3.2-wrong-first",
    "a wrong commit was pushed first: is its ref still there after the event?",
    {SPEC: False, NGIT: False, RELAY: True, GITEA: False},
)
def wrong_first(stage: Stage) -> object:
    owner, (_, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    stage.push(owner, {f"refs/nostr/{pull.id}": stage.trunk.stray})
    stage.publish(pull)
    return f"refs/nostr/{pull.id}" in stage.refs(owner)


@row("3.2-no-commit", "a pull request without `c`", all_of(True, spec=False, ngit_grasp=False))
def no_commit(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.PULL_REQUEST, stage.about(owner)))[0]


@row(
    "3.2-known-delete",
    "a known pull request's ref may be deleted by push",
    all_of(False, ngit_relay=True),
)
def known_delete(stage: Stage) -> object:
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    stage.publish(pull)
    name = f"refs/nostr/{pull.id}"
    assert stage.pushes(owner, {name: two})
    return stage.pushes(owner, {name: ZERO})


@row(
    "3.2-no-state",
    "refs/nostr needs no state",
    {SPEC: True, NGIT: True, RELAY: True, KHATRU: False, GITEA: True},
)
def no_state(stage: Stage) -> object:
    owner = stage.person()
    stage.announce(owner)
    return stage.pushes(owner, {f"refs/nostr/{'12' * 32}": stage.trunk.commits[0]})


@row("3.2-bad-name", "refs/nostr/<no event id>", all_of(False))
def bad_name(stage: Stage) -> object:
    owner = stage.person()
    stage.host(owner)
    return stage.pushes(owner, {f"refs/nostr/{'AB' * 32}": stage.trunk.commits[0]})


@row("3.2-quota", "seventeen nostr refs in one push", all_of(True, khatru=False, gitea=False))
def quota(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    return stage.pushes(owner, {f"refs/nostr/{n:064x}": one for n in range(17)})


@row("3.2-merged", "a merged pull request's ref after 20 minutes", all_of(True, khatru=False))
def merged(stage: Stage) -> object:
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, one)
    name = f"refs/nostr/{pull.id}"
    stage.publish(pull)
    stage.push(owner, {name: one})
    stage.later(31)
    stage.later(1201)
    return name in stage.refs(owner)


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
