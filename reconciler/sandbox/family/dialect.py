"""How server families differ, as data: one field a difference. Each family is a file beside this.

Code asks for a field and never for a name, so that a new family is a new value there. The defaults
of every group are GRASP-01 to the letter; what stands in a preset is what differs from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from reconciler.limits import PACK_BYTES, REQ_PAGE, WS_MESSAGE_BYTES
from reconciler.nostr import kinds
from reconciler.sandbox.family.rates import Rate
from reconciler.sandbox.family.words import EventWords, PushWords


class Listing(Enum):
    """How "the announcement lists this service" is tested (GRASP-01)."""

    CANONICAL = "clone URL of this very repository, and relay URL, both after normalisation"
    EXACT = "the same, but the clone URL letter by letter (percent-encoding and last slash apart)"
    SUBSTRING = "any clone and any relays value contains host:port"
    URL_SUBSTRING = "any clone and any relays value contains ://host:port"
    NONE = "every announcement counts"


class Relation(Enum):
    """Which other events are taken."""

    RELATED = "those that tag, or are tagged by, a stored event"
    HOSTED = "those that tag a hosted repository (a) or a stored root (e, E)"
    ANY = "all"


class Creation(Enum):
    """When the bare repository of an announcement is made."""

    AT_ONCE = "before the OK"
    LATER = "a moment after the OK; until then 404"
    FIRST_PUSH = "by the first authorised push; until then an empty listing without capabilities"


class Deletion(Enum):
    """What becomes of a kind 5."""

    TAKEN = "carried out and stored, whoever sends it"
    JUDGED_AFTER = "carried out, then judged like any event: its target is gone by then"
    EFFECTIVE = "refused when it deleted nothing"


class Tie(Enum):
    """Which of several maintainers' states of one second counts."""

    LOWEST = "the lowest id (NIP-01)"
    HIGHEST = "the highest id"
    FIRST = "the one that came first"


class Alignment(Enum):
    """What a state does on arrival to repositories that hold its objects."""

    AT_ONCE = "all repositories of its owners follow, once one of them holds every object"
    AUTHOR_FIRST = "the author's own follows with what it holds; other owners' some time later"
    NEVER = "nothing before a push"


class Head(Enum):
    """When HEAD follows the state."""

    COMMIT = "its branch is declared and the commit is here"
    DECLARED = "its branch is declared"
    PUSH = "after a push; an undeclared branch adds an error text to git's answer"


class PushRule(Enum):
    """What a push to refs/heads and refs/tags must fulfil."""

    PER_REF = "each command agrees with the newest authorised state"
    EXACT = "heads and tags after the push equal a state in purgatory exactly"


class Deletes(Enum):
    """Which refs may be deleted by push."""

    UNDECLARED = "those that the state does not hold"
    TAGS = "tags only; branches never, not even undeclared ones"
    NEVER = "none"


class NostrPush(Enum):
    """Who may push refs/nostr/<event id>."""

    MATCHING = "anybody, but a known pull request must name that commit"
    STORED = "only with a stored pull request that names it, an announcement and a state"
    ANYBODY = "anybody, any commit, deletes too"


class Refusal(Enum):
    """How an unauthorised push is answered."""

    ERR_LINE = "HTTP 200 and one pkt-line ERR"
    REPORT = "HTTP 200 and a report with `ng <ref> pre-receive hook declined` for every ref"
    FORBIDDEN = "HTTP 403 and text"


class Query(Enum):
    """How the `service` parameter of info/refs is found."""

    FIRST = "it must be the first"
    ONLY = "it must be the only one"
    ANY = "anywhere"


@dataclass(frozen=True, slots=True)
class Info:
    """NIP-11. Empty texts and tuples are left out of the document. `shows_limits`: `limitation`
    is given, and `restricted_writes` in it; `exact_accept`: the Accept header must be that type
    and nothing else; `any_path`: document and WebSocket are at every path; `plain_upgrade`: the
    Connection header of an upgrade must be `upgrade` and nothing else."""

    software: str
    version: str
    nips: tuple[int, ...]
    grasps: tuple[str, ...] = ("GRASP-01",)
    criteria: str = "announcements that list this service in clone and relays"
    shows_limits: bool = True
    restricted_writes: bool = False
    exact_accept: bool = False
    any_path: bool = False
    plain_upgrade: bool = False


@dataclass(frozen=True, slots=True)
class AnnouncementRules:
    """Kind 30617. `one_clone_tag`: several are refused; `checks_identifier`: impossible ones are
    refused, otherwise stored and not hosted; `refused_characters`: not all impossible ones are,
    only those that hold one of these; `unlisted_stored`: stored and not hosted;
    `maintainer_exception`: who is invited need not list the service, nor (`own_invites`) who has
    an earlier announcement here; `related_stored`: nor who is related to a stored event; `waits`:
    in purgatory until git data comes; `parked_keeps_newest`: an older one does not replace a
    newer one there; `parks_with_data`: it also waits when its repository holds data already, after
    a deletion for instance, and that data goes with it when it waits in vain;
    `hosted_identifiers`: a pattern, others are stored and not hosted;
    `provisions`: new repositories an author; `drop_archives`: a newer announcement without the
    service is stored and ends hosting."""

    listing: Listing = Listing.CANONICAL
    one_clone_tag: bool = False
    checks_identifier: bool = True
    refused_characters: str = ""
    unlisted_stored: bool = False
    maintainer_exception: bool = True
    own_invites: bool = False
    related_stored: bool = False
    waits: bool = True
    parked_keeps_newest: bool = True
    parks_with_data: bool = False
    creation: Creation = Creation.AT_ONCE
    creation_seconds: float = 0.0
    hosted_identifiers: str = ""
    provisions: Rate | None = None
    drop_archives: bool = False


@dataclass(frozen=True, slots=True)
class EventRules:
    """All other events, and what all have in common. `always`: kinds taken from everybody;
    `kinds`: when given, no others are taken; `future_seconds` and `tag_value_chars`: more is
    refused; `cuts_addresses`: an address that an event tags ends at its third colon, whatever its
    identifier; `older`: the OK to an event older than the stored one; `protected`: the OK to a
    NIP-70 event without its author's AUTH; when empty it is refused even with it."""

    relation: Relation = Relation.RELATED
    always: tuple[int, ...] = (kinds.DELETION, kinds.GRASP_LIST)
    kinds: tuple[int, ...] = ()
    future_seconds: int | None = None
    tag_value_chars: int | None = None
    cuts_addresses: bool = False
    older: tuple[bool, str] = (True, "duplicate: a newer version is stored")
    protected: str = "auth-required: this event may only be published by its author"
    deletion: Deletion = Deletion.TAKEN
    deleted_may_return: bool = False
    foreign_deletion_refused: bool = False
    words: EventWords = field(default_factory=EventWords)


@dataclass(frozen=True, slots=True)
class StateRules:
    """Kind 30618. `anyone`: every author's is stored; `owner_only`: maintainers' do not count for
    pushes; `roles`: maintainers are those of the role tags (v3) who name one back; `start_check`:
    a start takes away and turns back refs that no stored state authorises; `waits`: in purgatory
    until its objects are here; `release_seconds`: how long after that it is served; `durable`:
    purgatory outlives a kill; `owner_hint`: when several hosted repositories are meant, `p` or `a`
    must name an owner; `others_seconds`: when other owners' repositories follow (AUTHOR_FIRST);
    `realigns_stored`: a push also brings repositories to the stored state; `present_promotes`:
    data that was here before the state releases announcements; `bare_head`: HEAD's value may lack
    `ref: `; `skips_symbolic`: a symbolic value takes its ref out when applying, and matches no
    push."""

    anyone: bool = False
    owner_only: bool = False
    roles: bool = False
    start_check: bool = False
    waits: bool = True
    release_seconds: float = 0.0
    durable: bool = False
    owner_hint: bool = False
    tie: Tie = Tie.LOWEST
    alignment: Alignment = Alignment.AT_ONCE
    others_seconds: float = 0.0
    realigns_stored: bool = True
    present_promotes: bool = True
    head: Head = Head.COMMIT
    bare_head: bool = False
    skips_symbolic: bool = False


@dataclass(frozen=True, slots=True)
class PullRules:
    """Kinds 1618 and 1619, and refs/nostr/<event id>. `waits`: in purgatory until the commit is
    here; `needs_commit`: one without `c` is refused; `placeholder_seconds`: how long a pushed ref
    waits for its event; `placeholder_loses_ref`: then it is deleted; `merged_goes`: a pushed ref
    whose commit a branch holds by then is deleted too; `per_push`, `active`: refs at most."""

    waits: bool = True
    needs_commit: bool = True
    push: NostrPush = NostrPush.MATCHING
    placeholder_seconds: float = 1200.0
    placeholder_loses_ref: bool = True
    merged_goes: bool = False
    per_push: int | None = None
    active: int | None = None


@dataclass(frozen=True, slots=True)
class GitRules:
    """git smart HTTP. `suffix_optional`: `.git` may be left out; `bad_npub`: status of a read and
    of a push; `identifiers`: pattern, 400 for others; `head_requests`: HEAD on info/refs;
    `settings`: git configuration of the family; `gunzips_pushes`: receive-pack bodies may be
    compressed; `noop_push`: old == new needs no state; `other_refs`: names outside heads, tags
    and nostr are not looked at; `pr_branches`: refs/heads/pr/* may be pushed; `strict_commands`:
    the first command must carry a NUL, with capabilities or without;
    `archive_refuses`: a read-only archive takes no push (GRASP-05); `cors_headers`:
    Allow-Headers."""

    suffix_optional: bool = False
    bad_npub: tuple[int, int] = (404, 400)
    identifiers: str = ""
    query: Query = Query.ANY
    head_requests: bool = True
    settings: tuple[str, ...] = (
        "uploadpack.allowTipSHA1InWant=true",
        "uploadpack.allowReachableSHA1InWant=true",
        "uploadpack.allowFilter=true",
        "receive.denyDeleteCurrent=ignore",
    )
    gunzips_pushes: bool = True
    rule: PushRule = PushRule.PER_REF
    deletes: Deletes = Deletes.UNDECLARED
    noop_push: bool = False
    other_refs: bool = False
    pr_branches: bool = True
    strict_commands: bool = False
    archive_refuses: bool = True
    refusal: Refusal = Refusal.ERR_LINE
    words: PushWords = field(default_factory=PushWords)
    body_bytes: int = PACK_BYTES
    pack_objects: int | None = None
    cors_headers: str = "*"


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What one client may do. `default_limit` and `max_limit` count events per filter (None: no
    maximum); a larger limit is read as `over_limit`. `closes_found_ids`: a question for ids gets
    that many events at most, and is closed once all were found. `drops_malformed`: a broken
    message ends the connection."""

    events: Rate | None = None
    connections: Rate | None = None
    subscriptions: int = 500
    subscription_chars: int = 64
    default_limit: int = REQ_PAGE
    max_limit: int | None = REQ_PAGE
    over_limit: int = REQ_PAGE
    closes_found_ids: bool = False
    message_bytes: int = WS_MESSAGE_BYTES
    drops_malformed: bool = False
    ping_seconds: float = 60.0
    negentropy: bool = False


@dataclass(frozen=True, slots=True)
class FetchRules:
    """When a server with sync looks for git data by itself, in seconds. `client_seconds`: after a
    client's event that lacks some, because a push is expected to follow; `created_seconds`: after
    a new announcement, where states do not wait; `every_seconds`: for all states that are served,
    again and again (None: never)."""

    client_seconds: float = 180.0
    created_seconds: float = 180.0
    every_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """All switches of one family."""

    name: str
    info: Info
    announcements: AnnouncementRules = field(default_factory=AnnouncementRules)
    events: EventRules = field(default_factory=EventRules)
    states: StateRules = field(default_factory=StateRules)
    pulls: PullRules = field(default_factory=PullRules)
    git: GitRules = field(default_factory=GitRules)
    limits: RelayLimits = field(default_factory=RelayLimits)
    fetches: FetchRules = field(default_factory=FetchRules)
