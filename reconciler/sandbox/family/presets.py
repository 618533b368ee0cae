"""The server families, each as what differs from GRASP-01 to the letter.

`ngit-grasp` 1.0.2, `ngit-relay` 0.0.2, `khatru` (as `nak serve --grasp`) and `gitea` (grasp-gitea)
are written after their published sources; a few values that those leave open are guesses.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from reconciler.errors import OurFault
from reconciler.limits import REQ_PAGE, WS_MESSAGE_BYTES
from reconciler.nostr import kinds
from reconciler.sandbox.family.dialect import (
    Alignment,
    AnnouncementRules,
    Creation,
    Deletes,
    Deletion,
    Dialect,
    EventRules,
    FetchRules,
    GitRules,
    Head,
    Info,
    Listing,
    NostrPush,
    PullRules,
    PushRule,
    Query,
    Refusal,
    Relation,
    RelayLimits,
    StateRules,
    Tie,
)
from reconciler.sandbox.family.rates import Per, Rate
from reconciler.sandbox.family.words import EventWords, PushWords

_KHATRU_BYTES: Final = 512_000
"""One WebSocket message: khatru's default; more closes the socket."""
_KHATRU_AUTH: Final = "auth-required: must be published by authenticated event author"

SPEC: Final = Dialect(
    "spec",
    Info(
        "https://github.com/grasp-reconciler/sandbox-spec",
        "1.0.0",
        (1, 9, 11, 34, 40, 42, 45, 70, 77),
    ),
    limits=RelayLimits(negentropy=True),
)
"""GRASP-01 to the letter."""

NGIT_GRASP: Final = Dialect(
    "ngit-grasp",
    Info(
        "https://gitworkshop.dev/danconwaydev.com/ngit-grasp",
        "1.0.2",
        (1, 11, 34, 77),
        grasps=("GRASP-01", "GRASP-02"),  # the latter whether or not it syncs
        criteria="None",
        shows_limits=False,
        any_path=True,
        plain_upgrade=True,
    ),
    AnnouncementRules(
        listing=Listing.SUBSTRING,
        one_clone_tag=True,
        parked_keeps_newest=False,
        parks_with_data=True,
    ),
    EventRules(
        cuts_addresses=True,
        older=(False, "error: unknown"),
        protected="auth-required: you must auth",
        foreign_deletion_refused=True,
    ),
    StateRules(
        tie=Tie.HIGHEST,
        realigns_stored=False,
        present_promotes=False,
        bare_head=True,
        skips_symbolic=True,
    ),
    PullRules(placeholder_seconds=1800.0, placeholder_loses_ref=False),
    GitRules(
        suffix_optional=True,
        query=Query.FIRST,
        settings=(
            "uploadpack.allowTipSHA1InWant=true",
            "uploadpack.allowReachableSHA1InWant=true",
            "uploadpack.allowFilter=true",
        ),
        rule=PushRule.EXACT,
        deletes=Deletes.TAGS,
        noop_push=True,
        other_refs=True,
        archive_refuses=False,
    ),
    RelayLimits(
        events=Rate(Per.CONNECTION, 60, 1, 1.0, "rate-limited: slow down", restarts=True),
        subscription_chars=250,
        max_limit=None,
        closes_found_ids=True,
        message_bytes=WS_MESSAGE_BYTES,  # really 64 MiB, which our own reader does not take
        drops_malformed=True,
        negentropy=True,
    ),
)
"""ngit-grasp 1.0.2: purgatory, and pushes that must equal a state in it exactly."""

NGIT_GRASP_3: Final = replace(
    NGIT_GRASP,
    name="ngit-grasp-3",
    info=Info(
        "https://gitworkshop.dev/danconwaydev.com/ngit-grasp",
        "3.0.5",
        (1, 5, 9, 11, 34, 77),  # the real one has 62 as well, which is not done here
        grasps=("GRASP-01", "GRASP-02"),  # and 03 and 06, likewise
        restricted_writes=True,
        plain_upgrade=True,
    ),
    announcements=replace(NGIT_GRASP.announcements, refused_characters="/"),
    states=replace(NGIT_GRASP.states, tie=Tie.LOWEST, roles=True, start_check=True),
    limits=replace(
        NGIT_GRASP.limits, max_limit=REQ_PAGE, over_limit=REQ_PAGE, drops_malformed=False
    ),
)
"""ngit-grasp 3.0, whose source nobody has: 1.0.2 with what its documents say is different."""

NGIT_RELAY: Final = Dialect(
    "ngit-relay",
    Info(
        "https://gitworkshop.dev/danconwaydev.com/ngit-relay",
        "0.0.2",
        (1, 11, 40, 42, 70, 86, 34, 9, 45),
        grasps=(),
        criteria="",
        shows_limits=False,
        exact_accept=True,
    ),
    AnnouncementRules(
        listing=Listing.URL_SUBSTRING,
        checks_identifier=False,
        maintainer_exception=False,
        related_stored=True,
        waits=False,
        creation=Creation.LATER,
        creation_seconds=0.5,
    ),
    EventRules(
        always=(),
        future_seconds=1800,
        tag_value_chars=120,
        older=(True, ""),
        protected=_KHATRU_AUTH,
        deletion=Deletion.JUDGED_AFTER,
        deleted_may_return=True,
        words=EventWords(
            stored_twice="",
            unlisted="blocked: repository announcement doesn't list ngit-relay in tags: clones and"
            " relays",
            unrelated="blocked: event does not relate to a stored repository",
            unrelated_pull="blocked: event does not relate to a stored repository",
        ),
    ),
    StateRules(
        anyone=True,
        waits=False,
        tie=Tie.FIRST,
        alignment=Alignment.AUTHOR_FIRST,
        others_seconds=60.0,
        head=Head.DECLARED,
    ),
    PullRules(waits=False, needs_commit=False, push=NostrPush.ANYBODY, placeholder_loses_ref=False),
    GitRules(
        bad_npub=(404, 404),
        settings=(
            "uploadpack.allowTipSHA1InWant=true",
            "uploadpack.allowFilter=false",
            "receive.denyDeleteCurrent=ignore",
        ),
        deletes=Deletes.NEVER,
        pr_branches=False,
        refusal=Refusal.REPORT,
        body_bytes=2**30,
        cors_headers="Content-Type",
        words=PushWords(
            prefix="error: ",
            missing="not found",
            bad_npub="not found",
            no_announcement="state event not on internal relay, cannot validate non-nostr refs",
            no_state="state event not on internal relay, cannot validate non-nostr refs",
            mismatch="cannot push {short} to {got} as nostr state event is at {want}",
            undeclared="{name} not found in our latest nostr state event",
            deletion="{name} may not be deleted by push",
            other_ref="{name} not found in our latest nostr state event",
            pr_branch="'pr/*' branches should be sent over nostr, not through git push",
            bad_nostr="refs/nostr/<event-id> must use a valid event id",
        ),
    ),
    RelayLimits(
        events=Rate(Per.ADDRESS, 15, 3, 180.0, "rate-limited: slow down, please"),
        connections=Rate(Per.ADDRESS, 2000, 10, 60.0, "rate-limited: slow down, please"),
        default_limit=250,
        max_limit=1000,
        over_limit=250,
        message_bytes=_KHATRU_BYTES,
        ping_seconds=30.0,
    ),
    FetchRules(client_seconds=60.0, created_seconds=1.0, every_seconds=900.0),
)
"""ngit-relay 0.0.2: no purgatory, hooks that judge each ref by the stored state."""

KHATRU: Final = Dialect(
    "khatru",
    Info(
        "https://github.com/fiatjaf/nak",
        "0.15.0",
        (1, 11, 42, 70, 86, 34, 9, 45),
        criteria="",
        shows_limits=False,
        exact_accept=True,
    ),
    AnnouncementRules(
        listing=Listing.NONE,
        checks_identifier=False,
        waits=False,
        creation=Creation.FIRST_PUSH,
    ),
    EventRules(
        relation=Relation.ANY,
        older=(True, ""),
        protected=_KHATRU_AUTH,
        deletion=Deletion.EFFECTIVE,
        words=EventWords(stored_twice=""),
    ),
    StateRules(
        anyone=True,
        owner_only=True,
        waits=False,
        alignment=Alignment.NEVER,
        realigns_stored=False,
        head=Head.PUSH,
    ),
    PullRules(waits=False, needs_commit=False, push=NostrPush.STORED, merged_goes=True),
    GitRules(
        bad_npub=(400, 400),
        identifiers=r"[0-9A-Za-z_.-]+",  # Go's \w knows ASCII only
        settings=(
            "uploadpack.allowTipSHA1InWant=true",
            "uploadpack.allowReachableSHA1InWant=true",
            "uploadpack.allowFilter=true",
        ),
        gunzips_pushes=False,
        other_refs=True,
        strict_commands=True,
        refusal=Refusal.FORBIDDEN,
        words=PushWords(
            prefix="unauthorized push: ",
            missing="repository announcement event not found",
            bad_npub="invalid npub",
            no_announcement="no announcement found",
            no_state="no state found",
            mismatch="ref {name} does not match state",
            undeclared="ref {name} does not match state",
            nostr_mismatch="event {short} does not match the pushed commit",
        ),
    ),
    RelayLimits(message_bytes=_KHATRU_BYTES, ping_seconds=30.0),
)
"""khatru's grasp library as `nak serve --grasp` runs it: takes all events, checks pushes only."""

GITEA: Final = Dialect(
    "gitea",
    Info(
        "https://github.com/chebizarro/grasp-gitea",
        "1.0.0",
        (1, 11, 34, 40, 42, 70),
        criteria="announcements whose clone and relays name this service exactly",
        shows_limits=False,
    ),
    AnnouncementRules(
        listing=Listing.EXACT,
        checks_identifier=False,
        unlisted_stored=True,
        waits=False,
        hosted_identifiers=r"[a-zA-Z0-9:/_.\-]+",
        provisions=Rate(Per.AUTHOR, 10, 10, 3600.0, ""),
        drop_archives=True,
    ),
    EventRules(
        relation=Relation.HOSTED,
        always=(),
        kinds=(
            kinds.ANNOUNCEMENT,
            kinds.STATE,
            *kinds.ROOTS,
            *kinds.STATUSES,
            kinds.COMMENT,
        ),
        protected="",
        words=EventWords(
            parked="",
            parked_twice="",
            pull_waits="",
            stored_twice="",
            kind="blocked: only GRASP repository and collaboration events are accepted",
            no_announcement="blocked: repository state signer is not authorized for a hosted"
            " repository",
            not_authorised="blocked: repository state signer is not authorized for a hosted"
            " repository",
            unrelated="blocked: event does not reference a hosted repository",
            unrelated_pull="blocked: event does not reference a hosted repository",
        ),
    ),
    StateRules(release_seconds=30.0, durable=True, owner_hint=True),
    PullRules(needs_commit=False, per_push=16, active=256),
    GitRules(
        bad_npub=(404, 404),
        query=Query.ONLY,
        head_requests=False,
        settings=(
            "uploadpack.allowTipSHA1InWant=true",
            "uploadpack.allowReachableSHA1InWant=true",
            "uploadpack.allowAnySHA1InWant=true",
            "uploadpack.allowFilter=true",
            "receive.denyDeleteCurrent=ignore",
        ),
        pr_branches=False,
        refusal=Refusal.REPORT,
        body_bytes=256 * 2**20,
        pack_objects=50_000,
        words=PushWords(
            prefix="error: ",
            missing="repository not found",
            bad_npub="repository not found",
            no_state="push rejected: no NIP-34 state",
            mismatch="push rejected: SHA mismatch with NIP-34 state",
            undeclared="push rejected: {name} is not in the NIP-34 state",
            other_ref="push rejected: {name} is not allowed",
            pr_branch="push rejected: {name} is not allowed",
            too_many="push rejected: too many nostr refs",
            too_large="push rejected: too many objects",
        ),
    ),
    RelayLimits(message_bytes=_KHATRU_BYTES),
)
"""grasp-gitea: an embedded relay before Gitea; purgatory that says nothing and outlives a crash."""

PRESETS: Final = MappingProxyType(
    {d.name: d for d in (SPEC, NGIT_GRASP, NGIT_GRASP_3, NGIT_RELAY, KHATRU, GITEA)}
)


def named(name: str | Dialect) -> Dialect:
    """The preset called `name`; what is a dialect already stays as it is.

    Raises:
        OurFault: there is none.
    """
    if isinstance(name, Dialect):
        return name
    if name not in PRESETS:
        raise OurFault(f"no dialect {name!r}; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
