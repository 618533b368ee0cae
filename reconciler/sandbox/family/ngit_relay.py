"""ngit-relay 0.0.2: what differs from GRASP-01."""

from __future__ import annotations

from typing import Final

from reconciler.sandbox.family.khatru import AUTH_REQUIRED, MESSAGE_BYTES
from reconciler.sandbox.family.rates import Per, Rate
from reconciler.sandbox.family.rules import (
    Alignment,
    AnnouncementRules,
    Creation,
    Deletes,
    DeletionRule,
    EventRules,
    Family,
    FetchRules,
    GitRules,
    HeadRule,
    Info,
    ListingRule,
    NostrPush,
    PullRules,
    Refusal,
    RelayLimits,
    StateRules,
    Tie,
)
from reconciler.sandbox.family.words import EventWords, PushWords

NGIT_RELAY: Final = Family(
    name="ngit-relay",
    info=Info(
        software="https://gitworkshop.dev/danconwaydev.com/ngit-relay",
        version="0.0.2",
        nips=(1, 11, 40, 42, 70, 86, 34, 9, 45),
        grasps=(),
        criteria="",
        shows_limits=False,
        exact_accept=True,
    ),
    announcements=AnnouncementRules(
        listing=ListingRule.URL_SUBSTRING,
        checks_identifier=False,
        maintainer_exception=False,
        related_stored=True,
        waits=False,
        creation=Creation.LATER,
        creation_seconds=0.5,
    ),
    events=EventRules(
        always=(),
        future_seconds=1800,
        tag_value_chars=120,
        older=(True, ""),
        protected=AUTH_REQUIRED,
        deletion=DeletionRule.JUDGED_AFTER,
        deleted_may_return=True,
        words=EventWords(
            stored_twice="",
            unlisted="blocked: repository announcement doesn't list ngit-relay in tags: clones and"
            " relays",
            unrelated="blocked: event does not relate to a stored repository",
            unrelated_pull="blocked: event does not relate to a stored repository",
        ),
    ),
    states=StateRules(
        anyone=True,
        waits=False,
        tie=Tie.FIRST,
        alignment=Alignment.AUTHOR_FIRST,
        others_seconds=60.0,
        head=HeadRule.DECLARED,
    ),
    pulls=PullRules(
        waits=False, needs_commit=False, push=NostrPush.ANYBODY, placeholder_loses_ref=False
    ),
    git=GitRules(
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
    limits=RelayLimits(
        events=Rate(
            per=Per.ADDRESS,
            burst=15,
            refill=3,
            seconds=180.0,
            text="rate-limited: slow down, please",
        ),
        connections=Rate(
            per=Per.ADDRESS,
            burst=2000,
            refill=10,
            seconds=60.0,
            text="rate-limited: slow down, please",
        ),
        default_limit=250,
        max_limit=1000,
        over_limit=250,
        message_bytes=MESSAGE_BYTES,
        ping_seconds=30.0,
    ),
    fetches=FetchRules(client_seconds=60.0, created_seconds=1.0, every_seconds=900.0),
)
"""ngit-relay 0.0.2: no purgatory, hooks that judge each ref by the stored state."""
