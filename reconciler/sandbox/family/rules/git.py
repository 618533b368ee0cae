"""git smart HTTP: URLs, listings, and which pushes are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from reconciler.limits import PACK_BYTES
from reconciler.sandbox.family.words import PushWords


class PushRule(Enum):
    """What a push to refs/heads and refs/tags must fulfil."""

    PER_REF = "each command agrees with the newest authorised state"
    EXACT = "heads and tags after the push equal a state in purgatory exactly"


class Deletes(Enum):
    """Which refs may be deleted by push."""

    UNDECLARED = "those that the state does not hold"
    TAGS = "tags only; branches never, not even undeclared ones"
    NEVER = "none"


class Refusal(Enum):
    """How an unauthorised push is answered."""

    ERR_LINE = "HTTP 200 and one pkt-line ERR"
    REPORT = "HTTP 200 and a report with `ng <ref> pre-receive hook declined` for every ref"
    FORBIDDEN = "HTTP 403 and text"


class ServiceQuery(Enum):
    """How the `service` parameter of info/refs is found."""

    ONLY = "it must be the only one"
    ANY = "anywhere"


class DumbRule(Enum):
    """The answer to info/refs without a service (git: gitprotocol-http, "Dumb Clients")."""

    FORBIDDEN = "403"
    MISSING = "404"
    LISTED = "200 and the refs as text"
    NAMELESS = "200 and the header of a service without a name"


class CorsRule(Enum):
    """Which answers carry the CORS headers."""

    ALWAYS = "all, and OPTIONS is 204"
    REPOSITORIES = "those below a repository's path, elsewhere but / as ORIGIN; OPTIONS / is 405"
    ORIGIN = "those to a request with Origin; OPTIONS names what was asked for, else it is 404"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRules:
    """git smart HTTP."""

    suffix_optional: bool = False
    """`.git` may be left out of the URL."""
    bad_npub: tuple[int, int] = (404, 400)
    """HTTP status of a read and of a push whose npub is none."""
    identifiers: str = ""
    """A pattern; other identifiers are answered with 400. Empty: all are served."""
    query: ServiceQuery = ServiceQuery.ANY
    """Where `service` stands."""
    dumb: DumbRule = DumbRule.FORBIDDEN
    """What the dumb protocol gets."""
    typed: tuple[str, ...] = ()
    """Services whose requests must carry their Content-Type; otherwise 415."""
    head_requests: bool = True
    """HEAD on info/refs is answered."""
    settings: tuple[str, ...] = (
        "uploadpack.allowTipSHA1InWant=true",
        "uploadpack.allowReachableSHA1InWant=true",
        "uploadpack.allowFilter=true",
        "receive.denyDeleteCurrent=ignore",
    )
    """git's configuration, `name=value`."""
    gunzips_pushes: bool = True
    """receive-pack bodies may be compressed."""
    rule: PushRule = PushRule.PER_REF
    """What a push to heads and tags must fulfil."""
    deletes: Deletes = Deletes.UNDECLARED
    """Which refs may be deleted by push."""
    noop_push: bool = False
    """old == new needs no state."""
    other_refs: bool = False
    """Names outside heads, tags and nostr are not looked at; otherwise refused."""
    pr_branches: bool = True
    """refs/heads/pr/* may be pushed."""
    state_first: bool = False
    """A push is judged before its repository is looked for: without a state it is refused, even
    where nothing was announced."""
    archive_refuses: bool = True
    """A read-only archive takes no push (GRASP-05)."""
    refusal: Refusal = Refusal.ERR_LINE
    """How an unauthorised push is answered."""
    words: PushWords = field(default_factory=PushWords)
    """The texts of refusals and HTTP errors."""
    body_bytes: int = PACK_BYTES
    """A larger body of a push is refused by its length."""
    pack_objects: int | None = None
    """A pack that says it holds more objects is refused; None: none is."""
    cors: CorsRule = CorsRule.ALWAYS
    """Which answers are open to web pages."""
    cors_methods: str = "GET, POST"
    """Access-Control-Allow-Methods."""
    cors_headers: str = "Content-Type"
    """Access-Control-Allow-Headers."""
