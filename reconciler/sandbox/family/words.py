"""What servers say when they accept with a note or refuse: texts as data, one field a sentence.

Clients show these to people and some read them, so that each family has its own. `{…}` is filled
in with `str.format` by whoever says it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class PushWords:
    """Why a push is refused; `prefix` stands before each. The defaults are ngit-grasp's where it
    has one: `{name}` is the ref, `{short}` its last part, `{want}` what the state declares, `{got}`
    what was pushed."""

    prefix: str = "authorisation failed: "
    missing: str = "Git error: repository not found"
    bad_npub: str = "Invalid npub"
    no_announcement: str = "No repository announcement found"
    no_state: str = "No state event from an authorized publisher found"
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
