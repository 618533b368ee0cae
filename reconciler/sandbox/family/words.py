"""What servers say when they accept with a note or refuse: texts as data, one field a sentence.

Clients show these to people and some read them, so that each family has its own. `{…}` is filled
in with `str.format` by whoever says it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveWords:
    """Why the operator's lists refuse an announcement (GRASP-05); the defaults are ngit-grasp's."""

    blocked_author: str = "Author is blacklisted"
    blocked_repository: str = "Repository is blacklisted"
    read_only: str = "Archive read-only mode: only archived repositories are accepted"
    not_chosen: str = "Repository is not in the whitelist"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthWords:
    """Why an event does not prove who a client is (NIP-42)."""

    kind: str = "invalid: kind {kind} is no authentication"
    time: str = "invalid: created_at is too far from now"
    challenge: str = "invalid: another challenge"
    no_relay: str = "invalid: the relay tag is no URL"
    relay: str = "invalid: another relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWords:
    """Texts of OK messages (NIP-01); the defaults are ngit-grasp's."""

    parked: str = "purgatory: won't be served until git data arrives"
    parked_twice: str = "duplicate: in purgatory"
    pull_waits: str = "purgatory: PR event stored, waiting for git push with commit {commit}"
    stored_twice: str = "duplicate: already have this event"
    newer_waits: str = "duplicate: a newer version is in purgatory"
    deleted: str = "blocked: this event is deleted"
    expired: str = "blocked: event is expired"
    expired_before: str = "invalid: previously expired from purgatory without git data"
    future: str = "blocked: event too much in the future"
    large_tags: str = "blocked: event contains too large tags"
    large_content: str = "error: content is too large: {size}, max is {most}"
    kind: str = "blocked: this kind of event is not accepted"
    identifier: str = "Invalid identifier: {why}"
    clone_tags: str = "Invalid announcement: multiple clone tags found, put all URLs into one"
    unlisted: str = (
        "Announcement must list service in both 'clone' and 'relays' tags, or match archive"
        " whitelist. Found clone URLs: {clone}; relays: {relays}"
    )
    no_announcement: str = "invalid: no announcement exists for this repository"
    not_authorised: str = "invalid: author not authorized for this repository"
    unrelated: str = "Event event must reference an accepted repository or accepted event"
    unrelated_pull: str = "PR event must reference an accepted repository or accepted event"
    no_commit: str = "Failed to check git data: PR event {id} has no 'c' tag"
    nothing_deleted: str = "blocked: nothing to delete"
    foreign: str = "error: unknown"
    protected_by_all: str = "blocked: event marked as protected"
    malformed: str = "invalid: {why}"
    failed: str = "error: {why}"
    archive: ArchiveWords = field(default_factory=ArchiveWords)
    auth: AuthWords = field(default_factory=AuthWords)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayWords:
    """Texts of NOTICE, CLOSED (NIP-01) and NEG-ERR (NIP-77); the defaults are strfry's and
    nostr-sdk's."""

    malformed: str = "invalid: {why}"
    long_name: str = "blocked: subscription ID exceeds max length"
    many_questions: str = "rate-limited: too many REQs"
    no_negentropy: str = "error: NIP-77 is not supported"
    unknown_conversation: str = "error: subscription not found"
    bad_negentropy: str = "error: invalid negentropy message"
    large_conversation: str = "blocked: this query is too big"
    many_conversations: str = "blocked: too many negentropy conversations"
    late_conversation: str = "closed: you took too long to respond"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushWords:
    """Why a push is refused; `prefix` stands before each. The defaults are ngit-grasp's where it
    has one: `{name}` is the ref, `{short}` its last part, `{want}` what the state declares, `{old}`
    what was there, `{got}` what was pushed, `{repository}` the identifier."""

    prefix: str = "authorisation failed: "
    suffix: str = ""
    missing: str = "Git error: repository not found"
    bad_npub: str = "Invalid npub"
    bad_identifier: str = "invalid repository name"
    bad_path: str = "not found"
    dumb: str = "only the smart protocol is served"
    large_body: str = "the request is larger than {bytes} bytes"
    bad_gzip: str = "the body is not gzip"
    bad_type: str = "Expected POST with Content-Type '{want}', but received '{got}' instead.\n"
    no_announcement: str = "No repository announcement found"
    no_state: str = "No state event from an authorized publisher found"
    none_waits: str = "No state events in purgatory"
    none_counts: str = "{count} state event{s} in purgatory but none from authorized publishers"
    none_matches: str = (
        "{count} state event{s} in purgatory from authorized publisher{s} but doesn't match push"
        " ({detail})"
    )
    ref_missing: str = "{name} missing (state declares {want})"
    ref_differs: str = "{name} at {got} (state declares {want})"
    ref_undeclared: str = "{name} not declared by state"
    mismatch: str = "Ref validation failed: {name} (state declares {want})"
    undeclared: str = "Ref validation failed: {name} (state declares nothing)"
    deletion: str = "Ref validation failed: {name} may not be deleted"
    branch_deletion: str = (
        "Ref validation failed: Branch {short} push rejected: not announced in state event"
    )
    other_ref: str = "Ref validation failed: {name} is neither a branch nor a tag"
    pr_branch: str = "Ref validation failed: {name} is reserved"
    bad_nostr: str = "Invalid refs/nostr ref: {name} does not name an event id"
    nostr_mismatch: str = "{name} commit mismatch: event has c tag {want}, push has {got}"
    unknown_event: str = "event {short} not found"
    too_many: str = "too many refs/nostr updates"
    duplicate: str = "{name} is named twice"
    too_large: str = "the pack holds too many objects"
    read_only: str = "this repository is a read-only archive"
    head: str = "failed to update HEAD: HEAD branch {short} not found in state"
