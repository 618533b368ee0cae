"""GRASP-01: every MUST and SHOULD, and how far each family keeps it."""

from __future__ import annotations

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import DEV, MAIN, TAG, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some
from reconciler.git.advertisement import UPLOAD
from reconciler.nostr import kinds

PARKED = "purgatory: won't be served until git data arrives"
NO_ANSWER = ""


@row("01-listed", all_of(False, khatru=True, gitea=True))
def listed(stage: Stage) -> object:
    """MUST reject announcements that do not list the service"""
    owner = stage.person()
    other = ("clone", "https://elsewhere.example/x.git"), ("relays", "wss://elsewhere.example")
    return stage.accepts(owner.sign(kinds.ANNOUNCEMENT, ("d", stage.name), *other))[0]


@row("01-hosted", all_of((True, 200)))
def hosted(stage: Stage) -> object:
    """announcements that list it are hosted"""
    owner = stage.person()
    stage.announce(owner)
    return True, stage.status(owner)


@row("01-tags-accepted", all_of(True))
def tags_accepted(stage: Stage) -> object:
    """MUST accept events that tag accepted announcements"""
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.ISSUE, stage.about(owner)))[0]


@row("01-tagged-by", all_of(True, gitea=False))
def tagged_by(stage: Stage) -> object:
    """MUST accept events that accepted events tag"""
    owner, writer = stage.person(), stage.person()
    stage.host(owner)
    comment = writer.sign(kinds.COMMENT, ("A", "x"), content=owner.name)
    issue = writer.sign(kinds.ISSUE, stage.about(owner), ("e", comment.id))
    return stage.accepts(issue, comment)[1]


@row("01-push-latest", all_of(True))
def push_latest(stage: Stage) -> object:
    """MUST accept pushes that match the latest state"""
    owner = stage.person()
    stage.host(owner)
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[1]}, at=NOW + 1))
    return stage.pushes(owner, {MAIN: stage.trunk.commits[1]})


@row("01-push-other", all_of(False))
def push_other(stage: Stage) -> object:
    """MUST reject pushes that do not"""
    owner = stage.person()
    stage.host(owner)
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[1]}, at=NOW + 1))
    return stage.pushes(owner, {MAIN: stage.trunk.commits[2]})


@row("01-recursive", all_of(True, khatru=False))
def recursive(stage: Stage) -> object:
    """the maintainer set is recursive"""
    owner, friend, third = stage.person(), stage.person(), stage.person()
    stage.host(owner, None, stage.name, friend)
    stage.announce(friend, stage.name, owner, third)
    stage.answer(third, friend)
    tags = ("d", stage.name), (MAIN, stage.trunk.commits[2]), stage.about(owner)
    stage.publish(third.sign(kinds.STATE, *tags, at=NOW + 5))
    return stage.pushes(owner, {MAIN: stage.trunk.commits[2]})


@row(
    "01-align",
    {
        SPEC: (True, {MAIN: 1}),
        NGIT: (False, {MAIN: 0, DEV: 0}),
        RELAY: (True, {MAIN: 1}),
        KHATRU: (True, {MAIN: 1, DEV: 0}),
        GITEA: (True, {MAIN: 1}),
    },
)
def aligned(stage: Stage) -> object:
    """MUST fully align the repository with a state whose push came"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 1))
    # ngit-relay and grasp-gitea delete when the state comes, the others with the push
    arrived = stage.pushes(owner, {MAIN: two})
    stage.later(31)
    found = {n: stage.trunk.commits.index(o) for n, o in stage.refs(owner).items()}
    return arrived, found


@row("01-purgatory-says", all_of(NO_ANSWER, spec=PARKED, ngit_grasp=PARKED))
def purgatory_says(stage: Stage) -> object:
    """SHOULD answer `purgatory: …` while git data is missing"""
    owner = stage.person()
    stage.announce(owner)
    return stage.publish(owner.state(stage.name, {MAIN: stage.trunk.stray}))[0][1]


@row("01-purgatory-hides", all_of(False, ngit_relay=True, khatru=True))
def purgatory_hides(stage: Stage) -> object:
    """and does not serve it until then"""
    owner = stage.person()
    stage.announce(owner)
    state = owner.state(stage.name, {MAIN: stage.trunk.stray})
    stage.publish(state)
    return stage.serves(state)


@row("01-purgatory-ends", some(False, SPEC, NGIT, GITEA))
def purgatory_ends(stage: Stage) -> object:
    """SHOULD discard it after 30 minutes"""
    owner = stage.person()
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}))
    stage.later(1801)
    return stage.pushes(owner, {MAIN: stage.trunk.commits[0]})


@row("01-head", all_of(DEV))
def head(stage: Stage) -> object:
    """MUST set HEAD as soon as the git data is there"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: one}, head="dev"))
    stage.push(owner, {MAIN: one, DEV: one})
    found = stage.listing(owner)
    return found and found.head


@row("01-nostr-ref", all_of(True, khatru=False))
def nostr_ref(stage: Stage) -> object:
    """MUST accept refs/nostr/<event-id>"""
    owner = stage.person()
    stage.host(owner)
    return stage.pushes(owner, {f"refs/nostr/{'ab' * 32}": stage.trunk.commits[1]})


@row("01-nostr-mismatch", all_of(False, ngit_relay=True))
def nostr_mismatch(stage: Stage) -> object:
    """MUST reject it when a known event has another tip"""
    owner = stage.person()
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, stage.trunk.commits[1])
    stage.publish(pull)
    return stage.pushes(owner, {f"refs/nostr/{pull.id}": stage.trunk.stray})


@row("01-nostr-expires", {SPEC: False, NGIT: True, RELAY: True, GITEA: False}, read=(RELAY,))
def nostr_expires(stage: Stage) -> object:
    """SHOULD delete it after 20 minutes without its event"""
    owner, name = stage.person(), f"refs/nostr/{'cd' * 32}"
    stage.host(owner)
    stage.push(owner, {name: stage.trunk.commits[1]})
    stage.later(1201)
    stage.later(700)
    return name in stage.refs(owner)


@row(
    "01-wants",
    all_of(("filter", "reachable", "tip"), ngit_relay=("tip",), khatru=("reachable", "tip")),
)
def wants(stage: Stage) -> object:
    """MUST advertise allow-tip- and allow-reachable-sha1-in-want, and filter"""
    owner = stage.person()
    stage.host(owner)
    found = stage.listing(owner)
    words = {
        "filter": "filter",
        "reachable": "allow-reachable-sha1-in-want",
        "tip": "allow-tip-sha1-in-want",
    }
    return tuple(k for k, v in words.items() if found and v in found.capabilities)


GRASP_HEADERS = (
    "Authorization, Content-Type, Git-Protocol, Accept, Content-Encoding, X-Requested-With"
)


@row(
    "01-cors-origin",
    all_of(
        ([True, True, True], [True, True, True]),
        ngit_relay=([False, True, False], [False, True, True]),
        khatru=([False, False, False], [True, True, True]),
    ),
    guesses=(GITEA,),
)
def cors_origin(stage: Stage) -> object:
    """MUST set Access-Control-Allow-Origin on all: /, a listing and a 404, and with an Origin"""
    owner = stage.person()
    stage.announce(owner)
    listing = f"{stage.url(owner)}/info/refs?service={UPLOAD}"
    return tuple(
        [
            stage.get(url, **headers).headers.get("Access-Control-Allow-Origin") == "*"
            for url in ("/", listing, "/none")
        ]
        for headers in ({}, {"Origin": "https://page.example"})
    )


@row(
    "01-cors-names",
    all_of(
        ("GET, POST", "Content-Type"),
        ngit_grasp=("GET, POST, OPTIONS", GRASP_HEADERS),
        khatru=(None, None),
        gitea=("GET, POST, OPTIONS", "*"),
    ),
    guesses=(GITEA,),
)
def cors_names(stage: Stage) -> object:
    """MUST allow GET, POST and Content-Type: what a listing says"""
    owner = stage.person()
    stage.announce(owner)
    listing = f"{stage.url(owner)}/info/refs?service={UPLOAD}"
    found = stage.get(listing, Origin="https://page.example").headers
    return tuple(found.get(f"Access-Control-Allow-{name}") for name in ("Methods", "Headers"))


@row(
    "01-cors-options",
    all_of((204, 204, 204), ngit_relay=(405, 204, 204), khatru=(404, 404, 204)),
    guesses=(GITEA,),
)
def cors_options(stage: Stage) -> object:
    """MUST answer OPTIONS with 204: on /, on a listing, and as a browser asks"""
    owner = stage.person()
    stage.announce(owner)
    listing = f"{stage.url(owner)}/info/refs?service={UPLOAD}"
    asks = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    return tuple(
        stage.request("OPTIONS", url, headers=headers).status_code
        for url, headers in ((f"{stage.server.url}/", {}), (listing, {}), (listing, asks))
    )


@row("01-page", all_of(((200, "text/html"), 404)), guesses=(GITEA,))
def page(stage: Stage) -> object:
    """SHOULD serve a page at the clone URL, and none where nothing is hosted"""
    owner = stage.person()
    stage.announce(owner)
    found, none = stage.get(stage.url(owner)), stage.get(stage.url(stage.person()))
    kind = found.headers["Content-Type"].partition(";")[0]
    return (found.status_code, kind), none.status_code


@row(
    "01-nip11",
    {
        SPEC: (["GRASP-01"], True, False),
        NGIT: (["GRASP-01", "GRASP-02"], True, False),
        RELAY: (None, False, False),
        KHATRU: (["GRASP-01"], False, False),
        GITEA: (["GRASP-01"], True, False),
    },
)
def nip11(stage: Stage) -> object:
    """NIP-11: supported_grasps, repo_acceptance_criteria, curation"""
    body = stage.info().json()
    return body.get("supported_grasps"), "repo_acceptance_criteria" in body, "curation" in body


@row("01-empty-listing", all_of({}))
def empty_listing(stage: Stage) -> object:
    """an announced repository answers before anything is pushed"""
    owner = stage.person()
    stage.announce(owner)
    return stage.refs(owner)


@row("01-promoted", all_of((True, True)))
def promoted(stage: Stage) -> object:
    """the push brings announcement and state to light"""
    owner = stage.person()
    announcement = stage.announce(owner)
    state = stage.advance(owner, {MAIN: stage.trunk.commits[0], TAG: stage.trunk.commits[0]})
    stage.later(1)
    return stage.serves(announcement), stage.serves(state)
