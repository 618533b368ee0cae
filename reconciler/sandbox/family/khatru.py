"""khatru with its GRASP plug-in, as `nak serve --grasp`: what differs from GRASP-01."""

from __future__ import annotations

from typing import Final

from reconciler.sandbox.family.rules import (
    Alignment,
    AnnouncementRules,
    Creation,
    DeletionRule,
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
AUTH_REQUIRED: Final = "auth-required: must be published by authenticated event author"

KHATRU: Final = Family(
    name="khatru",
    info=Info(
        software="https://github.com/fiatjaf/nak",
        version="0.15.0",
        nips=(1, 11, 42, 70, 86, 34, 9, 45),
        criteria="",
        shows_limits=False,
        exact_accept=True,
    ),
    announcements=AnnouncementRules(
        listing=ListingRule.NONE,
        checks_identifier=False,
        waits=False,
        creation=Creation.FIRST_PUSH,
    ),
    events=EventRules(
        relation=Relation.ANY,
        older=(True, ""),
        protected=AUTH_REQUIRED,
        deletion=DeletionRule.EFFECTIVE,
        words=EventWords(stored_twice=""),
    ),
    states=StateRules(
        anyone=True,
        owner_only=True,
        waits=False,
        alignment=Alignment.NEVER,
        realigns_stored=False,
        head=HeadRule.PUSH,
    ),
    pulls=PullRules(waits=False, needs_commit=False, push=NostrPush.STORED, merged_goes=True),
    git=GitRules(
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
    limits=RelayLimits(message_bytes=MESSAGE_BYTES, ping_seconds=30.0),
)
"""khatru's grasp library as `nak serve --grasp` runs it: takes all events, checks pushes only."""
