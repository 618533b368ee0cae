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
    "3.1-by-tag",
    "comments that tag: the repository by a, A, q; its issue by e, E, q",
    all_of([True] * 6, gitea=[True, False, False, True, True, False]),
)
def by_tag(stage: Stage) -> object:
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    issue = writer.sign(kinds.ISSUE, stage.about(owner))
    stage.publish(issue)
    tags = [*((n, stage.about(owner)[1]) for n in "aAq"), *((n, issue.id) for n in "eEq")]
    return stage.accepts(*(stage.person().sign(kinds.COMMENT, tag) for tag in tags))


@row(
    "3.1-named-address",
    "relay lists that a stored issue names by address: a, A, q",
    all_of([False] * 3, spec=[True] * 3, khatru=[True] * 3),
)
def named_address(stage: Stage) -> object:
    return _named(stage, 10_002, lambda event: f"10002:{event.pubkey}:", "aAq")


@row(
    "3.1-named-short",
    "the same without the last colon",
    all_of([False] * 3, ngit_grasp=[True] * 3, khatru=[True] * 3),
)
def named_short(stage: Stage) -> object:
    return _named(stage, 10_002, lambda event: f"10002:{event.pubkey}", "aAq")


@row(
    "3.1-named-id",
    "comments that a stored issue names by id: e, E, q",
    all_of([True] * 3, gitea=[False] * 3),
)
def named_id(stage: Stage) -> object:
    return _named(stage, kinds.COMMENT, lambda event: event.id, "eEq")


def _named(stage: Stage, kind: int, name_of: Callable[[Event], str], tags: str) -> list[bool]:
    """Events of strangers, sent after an issue that names them."""
    owner = stage.person()
    stage.host(owner)
    events = [stage.person().sign(kind, content=stage.name) for _ in tags]
    for tag, event in zip(tags, events, strict=True):
        stage.publish(owner.sign(kinds.ISSUE, stage.about(owner), (tag, name_of(event))))
    return stage.accepts(*events)
