"""ngit-relay 0.0.2: what differs from GRASP-01."""

from __future__ import annotations

from typing import Final

from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.sandbox.family.khatru import AUTH_REQUIRED, MESSAGE_BYTES, NOT_AUTHOR
from reconciler.sandbox.family.rates import Per, Rate
from reconciler.sandbox.family.rules import (
    AddressRule,
    Alignment,
    AnnouncementRules,
    CorsRule,
    Creation,
    Deletes,
    DeletionMemory,
    DeletionRule,
    DumbRule,
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

NO_STATE: Final = "state event not on internal relay, cannot validate non-nostr refs"
UNDECLARED: Final = "{name} not found in our latest nostr state event"
UNESCAPED: Final = r"""[^\x00-\x20"#%&+;<>?\\^`{|}\x7f-\U0010ffff]+"""
"""Names that nginx leaves as they are in a path: it looks for the folder by the escaped name."""
NOT_FOUND_PAGE: Final = (
    "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n"
    "<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)
"""nginx's own, with `server_tokens off`."""

NGIT_RELAY: Final = Family(
    name="ngit-relay",
    info=Info(
        software="https://gitworkshop.dev/danconwaydev.com/ngit-relay",
        version="0.0.2-5e5c51b",
        nips=(1, 11, 40, 42, 70, 86, 34, 9, 45),
        grasps=(),
        criteria="",
        shows_limits=False,
        exact_accept=True,
        any_path=True,
        metrics=False,
    ),
    announcements=AnnouncementRules(
        listing=ListingRule.URL_SUBSTRING,
        checks_identifier=False,
        maintainer_exception=False,
        waits=False,
        creation=Creation.LATER,
        creation_seconds=0.05,
        hosted_identifiers=UNESCAPED,
    ),
    events=EventRules(
        always=(),
        future_seconds=1800,
        tag_value_chars=120,
        content_bytes=65_535,  # eventstore's binary form
        older=(True, ""),
        protected=AUTH_REQUIRED,
        expires=False,
        addresses=AddressRule.PLAIN,
        replaceable_address="",
        judges_stored=True,
        auth_by_host=True,
        deletion=DeletionRule.JUDGED_AFTER,
        deletion_memory=DeletionMemory.NONE,
        foreign_deletion_refused=True,
        words=EventWords(
            stored_twice="",
            foreign=NOT_AUTHOR,
            unlisted="blocked: repository announcement doesn't list ngit-relay in tags: clones and"
            " relays",
            unrelated="blocked: event does not relate to a stored repository",
            unrelated_pull="blocked: event does not relate to a stored repository",
        ),
    ),
    states=StateRules(
        anyone=True,
        waits=False,
        tie=Tie.LAST,
        alignment=Alignment.DELETES,
        deletes_seconds=0.04,
        others_seconds=60.0,
        head=HeadRule.DECLARED,
        bare_head=False,
        all_maintainers=True,
        crashes_without_d=True,
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
        dumb=DumbRule.LISTED,
        typed=(UPLOAD, RECEIVE),
        deletes=Deletes.NEVER,
        pr_branches=False,
        refusal=Refusal.REPORT,
        body_bytes=2**30,
        cors=CorsRule.REPOSITORIES,
        words=PushWords(
            prefix="error: ",
            missing=NOT_FOUND_PAGE,
            bad_npub=NOT_FOUND_PAGE,
            no_announcement=f"{NO_STATE}: repo announcement event from pubkey not on internal"
            " relay",
            no_state=f"{NO_STATE}: no valid NIP-34 state event found from maintainers",
            mismatch="cannot push {short} to {got:.7} as nostr state event is at {want:.7}",
            undeclared=UNDECLARED,
            deletion=UNDECLARED,
            other_ref=UNDECLARED,
            pr_branch="'pr/*' branches should be sent over nostr, not through the git server",
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
        subscriptions=None,
        subscription_chars=None,
        loose_tags=True,
        default_limit=250,
        max_limit=1000,
        over_limit=250,
        message_bytes=MESSAGE_BYTES,
        ping_seconds=30.0,
    ),
    fetches=FetchRules(
        client_seconds=60.0,
        created_seconds=1.0,
        every_seconds=900.0,
        host_starts=None,
        follows=False,
    ),
)
"""ngit-relay 0.0.2: no purgatory, hooks that judge each ref by the stored state."""
