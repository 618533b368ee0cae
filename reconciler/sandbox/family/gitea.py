"""grasp-gitea: what differs from GRASP-01."""

from __future__ import annotations

from typing import Final

from reconciler.nostr import kinds
from reconciler.sandbox.family.khatru import MESSAGE_BYTES
from reconciler.sandbox.family.rates import Per, Rate
from reconciler.sandbox.family.rules import (
    AnnouncementRules,
    EventRules,
    Family,
    GitRules,
    Info,
    ListingRule,
    PullRules,
    Refusal,
    Relation,
    RelayLimits,
    ServiceQuery,
    StateRules,
)
from reconciler.sandbox.family.words import EventWords, PushWords

GITEA: Final = Family(
    name="gitea",
    info=Info(
        software="https://github.com/chebizarro/grasp-gitea",
        version="1.0.0",
        nips=(1, 11, 34, 40, 42, 70),
        criteria="announcements whose clone and relays name this service exactly",
        shows_limits=False,
    ),
    announcements=AnnouncementRules(
        listing=ListingRule.EXACT,
        checks_identifier=False,
        unlisted_stored=True,
        waits=False,
        hosted_identifiers=r"[a-zA-Z0-9:/_.\-]+",
        provisions=Rate(per=Per.AUTHOR, burst=10, refill=10, seconds=3600.0, text=""),
        drop_archives=True,
    ),
    events=EventRules(
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
    states=StateRules(
        release_seconds=30.0, durable=True, owner_hint=True, bare_head=False, odd_values=False
    ),
    pulls=PullRules(needs_commit=False, per_push=16, active=256),
    git=GitRules(
        bad_npub=(404, 404),
        query=ServiceQuery.ONLY,
        head_requests=False,
        settings=(
            "uploadpack.allowTipSHA1InWant=true",
            "uploadpack.allowReachableSHA1InWant=true",
            "uploadpack.allowAnySHA1InWant=true",
            "uploadpack.allowFilter=true",
            "receive.denyDeleteCurrent=ignore",
        ),
        pr_branches=False,
        cors_methods="GET, POST, OPTIONS",
        cors_headers="*",
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
    limits=RelayLimits(message_bytes=MESSAGE_BYTES),
)
"""grasp-gitea: an embedded relay before Gitea; purgatory that says nothing and outlives a crash."""
