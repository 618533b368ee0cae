"""Issues, pull requests, comments, deletions: what is taken, and what waits (§3)."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row
from reconciler.nostr import kinds
from reconciler.nostr.event import Event

UNRELATED = "Event event must reference an accepted repository or accepted event"


@row(
    "3.1-unrelated",
    {
        SPEC: (False, UNRELATED),
        NGIT: (False, UNRELATED),
        KHATRU: (True, ""),
        RELAY: (False, "blocked: event does not relate to a stored repository"),
        GITEA: (False, "blocked: event does not reference a hosted repository"),
    },
)
def unrelated(stage: Stage) -> object:
    """an event that relates to nothing"""
    return stage.publish(stage.person().sign(kinds.COMMENT, content="alone"))[0]


@row("3.1-waiting-repo", all_of(True, spec=False, ngit_grasp=False))
def waiting_repo(stage: Stage) -> object:
    """an issue of a repository that has no data yet"""
    owner = stage.person()
    stage.announce(owner)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner)))[0]


@row("3.1-roots", all_of([True, True, True]))
def roots(stage: Stage) -> object:
    """patches, issues and statuses of a hosted one"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    patch = writer.sign(kinds.PATCH, stage.about(owner))
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    status = writer.sign(kinds.STATUS_CLOSED, ("e", issue.id))
    return stage.accepts(patch, issue, status)


@row("3.1-comment", all_of(True))
def comment(stage: Stage) -> object:
    """a comment by its root (E)"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    return stage.accepts(issue, writer.sign(kinds.COMMENT, ("E", issue.id)))[1]


@row("3.1-comment-on-comment", all_of(True, gitea=False))
def on_comment(stage: Stage) -> object:
    """a comment by its parent alone (e)"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    first = writer.sign(kinds.COMMENT, ("E", issue.id))
    return stage.accepts(issue, first, writer.sign(kinds.COMMENT, ("e", first.id), at=NOW + 1))[2]


@row("3.1-upper-a", all_of(True, gitea=False))
def upper_a(stage: Stage) -> object:
    """a comment by the repository's address in A"""
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.COMMENT, ("A", stage.about(owner)[1])))[0]


@row("3.1-quote", all_of(True, gitea=False))
def quote(stage: Stage) -> object:
    """a note that quotes the repository (q)"""
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.NOTE, ("q", stage.about(owner)[1])))[0]


@row("3.1-label", all_of(True, gitea=False))
def label(stage: Stage) -> object:
    """a label on an issue (1985)"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    return stage.accepts(issue, writer.sign(kinds.LABEL, ("e", issue.id)))[1]


@row("3.1-grasp-list", {SPEC: True, NGIT: True, RELAY: False, KHATRU: True, GITEA: False})
def grasp_list(stage: Stage) -> object:
    """a GRASP list (10317) of anybody"""
    return stage.accepts(stage.person().sign(kinds.GRASP_LIST))[0]


@row("3.1-profile", all_of(False, khatru=True))
def profile(stage: Stage) -> object:
    """a profile or relay list that nothing names"""
    return any(stage.accepts(stage.person().sign(kinds.PROFILE), stage.person().sign(10_002)))


@row("3.1-large-tag", all_of(True, ngit_relay=False))
def large_tag(stage: Stage) -> object:
    """a single-letter tag of 121 characters"""
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner), ("t", "x" * 121)))[0]


@row("3.1-by-tag", all_of([True] * 6, gitea=[True, False, False, True, True, False]))
def by_tag(stage: Stage) -> object:
    """comments that tag: the repository by a, A, q; its issue by e, E, q"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    stage.publish(issue)
    tags = [*((n, stage.about(owner)[1]) for n in "aAq"), *((n, issue.id) for n in "eEq")]
    return stage.accepts(*(stage.person().sign(kinds.COMMENT, tag) for tag in tags))


@row("3.1-named-address", all_of([False] * 3, spec=[True] * 3, khatru=[True] * 3))
def named_address(stage: Stage) -> object:
    """relay lists that a stored issue names by address: a, A, q"""
    return _named(stage, 10_002, lambda event: f"10002:{event.pubkey}:", "aAq")


@row("3.1-named-short", all_of([False] * 3, ngit_grasp=[True] * 3, khatru=[True] * 3))
def named_short(stage: Stage) -> object:
    """the same without the last colon"""
    return _named(stage, 10_002, lambda event: f"10002:{event.pubkey}", "aAq")


@row("3.1-named-id", all_of([True] * 3, gitea=[False] * 3))
def named_id(stage: Stage) -> object:
    """comments that a stored issue names by id: e, E, q"""
    return _named(stage, kinds.COMMENT, lambda event: event.id, "eEq")


def _named(stage: Stage, kind: int, name_of: Callable[[Event], str], tags: str) -> list[bool]:
    """Events of strangers, sent after an issue that names them."""
    owner = stage.person()
    stage.host(owner)
    events = [stage.person().sign(kind, content=stage.name) for _ in tags]
    for tag, event in zip(tags, events, strict=True):
        stage.publish(owner.sign(kinds.ISSUE, stage.about(owner), (tag, name_of(event))))
    return stage.accepts(*events)
