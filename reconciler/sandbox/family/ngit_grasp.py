"""ngit-grasp 1.0.2, and the release that relay.ngit.dev runs: what differs from GRASP-01."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from reconciler.limits import REQ_PAGE, WS_MESSAGE_BYTES
from reconciler.sandbox.family.rates import Per, Rate
from reconciler.sandbox.family.rules import (
    AddressRule,
    AnnouncementRules,
    Deletes,
    DeletionMemory,
    DumbRule,
    EventRules,
    Family,
    FetchRules,
    GitRules,
    Info,
    ListingRule,
    PullRules,
    PushRule,
    RelayLimits,
    ServiceQuery,
    StateRules,
    Tie,
)
from reconciler.sandbox.family.words import PushWords

NGIT_GRASP: Final = Family(
    name="ngit-grasp",
    info=Info(
        software="https://gitworkshop.dev/danconwaydev.com/ngit-grasp",
        version="1.0.2-30c47f3",
        nips=(1, 11, 34, 77),
        grasps=("GRASP-01", "GRASP-02"),  # the latter whether or not it syncs
        criteria="None",
        shows_limits=False,
        any_path=True,
        plain_upgrade=True,
    ),
    announcements=AnnouncementRules(
        listing=ListingRule.SUBSTRING,
        one_clone_tag=True,
        own_invites=True,
        parked_keeps_newest=False,
        parks_with_data=True,
    ),
    events=EventRules(
        addresses=AddressRule.CUT,
        replaceable_address="{kind}:{pubkey}",
        older=(False, "error: unknown"),
        protected="auth-required: you must auth",
        deletion_memory=DeletionMemory.STORED,
        foreign_deletion_refused=True,
    ),
    states=StateRules(
        tie=Tie.HIGHEST,
        realigns_stored=False,
        present_promotes=False,
    ),
    pulls=PullRules(any_case=True, placeholder_seconds=1800.0, placeholder_loses_ref=False),
    git=GitRules(
        suffix_optional=True,
        query=ServiceQuery.ONLY,
        dumb=DumbRule.MISSING,
        cors_methods="GET, POST, OPTIONS",
        cors_headers="Authorization, Content-Type, Git-Protocol, Accept, Content-Encoding,"
        " X-Requested-With",
        words=PushWords(bad_npub="Invalid npub: Invalid public key"),
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
    fetches=FetchRules(batch_seconds=5.0),
    limits=RelayLimits(
        events=Rate(
            per=Per.CONNECTION,
            burst=60,
            refill=1,
            seconds=1.0,
            text="rate-limited: slow down",
            restarts=True,
        ),
        subscription_chars=250,
        max_limit=None,
        closes_found_ids=True,
        message_bytes=WS_MESSAGE_BYTES,  # really 64 MiB, which our own reader does not take
        drops_malformed=True,
        negentropy=True,
    ),
)
"""ngit-grasp 1.0.2 and 45 commits: purgatory, and pushes that must equal a state in it exactly."""

NGIT_GRASP_3: Final = replace(
    NGIT_GRASP,
    name="ngit-grasp-3",
    info=Info(
        software="https://gitworkshop.dev/danconwaydev.com/ngit-grasp",
        version="3.0.5",
        nips=(1, 5, 9, 11, 34, 77),  # the real one has 62 as well, which is not done here
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
