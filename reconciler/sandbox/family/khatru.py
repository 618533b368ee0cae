"""khatru with its GRASP plug-in, as `nak serve --grasp`: what differs from GRASP-01."""

from __future__ import annotations

from typing import Final

from reconciler.git.advertisement import UPLOAD
from reconciler.sandbox.family.rules import (
    Alignment,
    AnnouncementRules,
    CorsRule,
    Creation,
    DeletionMemory,
    DeletionRule,
    DumbRule,
    EventRules,
    Family,
    GitRules,
    HeadRule,
    Info,
    ListingRule,
    NostrPush,
    PullRules,
    Refusal,
    Relation,
    RelayLimits,
    StateRules,
)
from reconciler.sandbox.family.words import EventWords, PushWords

MESSAGE_BYTES: Final = 512_000
"""One WebSocket message: khatru's default; more closes the socket."""
NOT_AUTHOR: Final = "blocked: you are not the author of this event"
MISMATCH: Final = "push unauthorized: ref {name} {old}->{got} does not match state"
AUTH_REQUIRED: Final = "auth-required: must be published by authenticated event author"

KHATRU: Final = Family(
    name="khatru",
    info=Info(
        software="https://github.com/fiatjaf/nak",
        version="v0.17.3",
        nips=(1, 11, 42, 70, 86, 40, 34, 9, 45),
        criteria="",
        shows_limits=False,
        exact_accept=True,
        any_path=True,
        metrics=False,
    ),
    announcements=AnnouncementRules(
        listing=ListingRule.NONE,
        checks_identifier=False,
        waits=False,
        creation=Creation.FIRST_PUSH,
    ),
    events=EventRules(
        relation=Relation.ANY,
        judges_stored=True,
        older=(True, ""),
        protected=AUTH_REQUIRED,
        expires=False,
        deletion=DeletionRule.EFFECTIVE,
        deletion_memory=DeletionMemory.NONE,
        foreign_deletion_refused=True,
        words=EventWords(stored_twice="", foreign=NOT_AUTHOR),
    ),
    states=StateRules(
        anyone=True,
        owner_only=True,
        waits=False,
        alignment=Alignment.NEVER,
        realigns_stored=False,
        head=HeadRule.PUSH,
        bare_head=False,
        all_maintainers=True,
    ),
    pulls=PullRules(waits=False, needs_commit=False, push=NostrPush.STORED, merged_goes=True),
    git=GitRules(
        bad_npub=(400, 400),
        identifiers=r"[0-9A-Za-z_.-]+",  # Go's \w knows ASCII only
        settings=(
            "uploadpack.allowTipSHA1InWant=true",
            "uploadpack.allowReachableSHA1InWant=true",
        ),
        dumb=DumbRule.NAMELESS,
        typed=(UPLOAD,),
        gunzips_pushes=False,
        other_refs=True,
        state_first=True,
        cors=CorsRule.ORIGIN,
        refusal=Refusal.FORBIDDEN,
        words=PushWords(
            prefix="unauthorized push: ",
            suffix="\n",
            missing="repository announcement event not found during info-refs\n",
            bad_npub="invalid npub\n",
            bad_identifier="invalid repository name\n",
            no_announcement="no announcement found for repository '{repository}'",
            no_state="no state found for repository '{repository}'",
            mismatch=MISMATCH,
            undeclared=MISMATCH,
            bad_nostr="push rejected: invalid event id {short}",
            unknown_event="push rejected: event {short} not found",
            nostr_mismatch="push rejected: event {short} has different tip (expected {got})",
        ),
    ),
    limits=RelayLimits(
        subscriptions=None,
        subscription_chars=None,
        message_bytes=MESSAGE_BYTES,
        ping_seconds=30.0,
    ),
)
"""khatru's grasp library as `nak serve --grasp` runs it: takes all events, checks pushes only."""
