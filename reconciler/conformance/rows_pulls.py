"""Pull requests and refs/nostr/<event id> (§3.2)."""

from __future__ import annotations

from dataclasses import replace

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import MAIN, ZERO, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some
from reconciler.git import receive_pack
from reconciler.git.advertisement import RECEIVE
from reconciler.git.receive_pack import RefUpdate
from reconciler.nostr import kinds


@row(
    "3.2-waits",
    {
        SPEC: ("purgatory", False),
        NGIT: ("purgatory", False),
        RELAY: ("", True),
        KHATRU: ("", True),
        GITEA: ("", False),
    },
)
def waits(stage: Stage) -> object:
    """a pull request before its commit: (the OK, served)"""
    owner = stage.person()
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, stage.trunk.commits[1])
    ((accepted, message),) = stage.publish(pull)
    assert accepted
    return message.partition(":")[0], stage.serves(pull)


@row("3.2-event-first", all_of((True, True)))
def event_first(stage: Stage) -> object:
    """then the push of its commit: served in time"""
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    stage.publish(pull)
    pushed = stage.pushes(owner, {f"refs/nostr/{pull.id}": two})
    stage.later(31)
    return pushed, stage.serves(pull)


@row("3.2-push-first", some((True, True), SPEC, NGIT, RELAY, GITEA))
def push_first(stage: Stage) -> object:
    """the push before the event: both are there in the end"""
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    pushed = stage.pushes(owner, {f"refs/nostr/{pull.id}": two})
    stage.publish(pull)
    return pushed, stage.serves(pull)


@row("3.2-own-ref", all_of(True, ngit_relay=False, khatru=False))
def own_ref(stage: Stage) -> object:
    """the commit is here already: the server makes the ref itself"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, one)
    stage.publish(pull)
    return stage.refs(owner).get(f"refs/nostr/{pull.id}") == one


@row("3.2-wrong-first", {SPEC: False, NGIT: False, RELAY: True, GITEA: False})
def wrong_first(stage: Stage) -> object:
    """a wrong commit was pushed first: is its ref still there after the event?"""
    owner, (_, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    stage.push(owner, {f"refs/nostr/{pull.id}": stage.trunk.stray})
    stage.publish(pull)
    return f"refs/nostr/{pull.id}" in stage.refs(owner)


@row("3.2-no-commit", all_of(True, spec=False, ngit_grasp=False))
def no_commit(stage: Stage) -> object:
    """a pull request without `c`"""
    owner = stage.person()
    stage.host(owner)
    return stage.accepts(stage.person().sign(kinds.PULL_REQUEST, stage.about(owner)))[0]


@row("3.2-known-delete", all_of(False, ngit_relay=True))
def known_delete(stage: Stage) -> object:
    """a known pull request's ref may be deleted by push"""
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, two)
    stage.publish(pull)
    name = f"refs/nostr/{pull.id}"
    assert stage.pushes(owner, {name: two})
    return stage.pushes(owner, {name: ZERO})


@row("3.2-no-state", {SPEC: True, NGIT: True, RELAY: True, KHATRU: False, GITEA: True})
def no_state(stage: Stage) -> object:
    """refs/nostr needs no state"""
    owner = stage.person()
    stage.announce(owner)
    return stage.pushes(owner, {f"refs/nostr/{'12' * 32}": stage.trunk.commits[0]})


@row("3.2-promotes", some(True, SPEC, NGIT))
def promotes(stage: Stage) -> object:
    """the push of refs/nostr alone: is the announcement that waits served, before any state?"""
    owner = stage.person()
    announcement = stage.announce(owner)
    assert stage.pushes(owner, {f"refs/nostr/{'12' * 32}": stage.trunk.commits[0]})
    return stage.serves(announcement)


@row("3.2-bad-name", all_of(False, ngit_grasp=True))
def bad_name(stage: Stage) -> object:
    """refs/nostr/<an event id in upper case>"""
    owner = stage.person()
    stage.host(owner)
    return stage.pushes(owner, {f"refs/nostr/{'AB' * 32}": stage.trunk.commits[0]})


@row("3.2-quota", all_of(True, khatru=False, gitea=False))
def quota(stage: Stage) -> object:
    """seventeen nostr refs in one push"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    return stage.pushes(owner, {f"refs/nostr/{n:064x}": one for n in range(17)})


@row(
    "3.2-active",
    {**some((None, [True, True, True]), SPEC, NGIT, RELAY), GITEA: (256, [True, True, False])},
    read=(NGIT, RELAY),
)
def active(stage: Stage) -> object:
    """so many refs/nostr refs at most, 2 in place of them: which of three arrive"""
    owner, pulls = stage.person(), stage.preset.pulls
    small = replace(pulls, active=pulls.active and 2)
    second = stage.other(family=replace(stage.preset, pulls=small))
    second.host(owner)
    names = [f"refs/nostr/{n:064x}" for n in range(3)]
    found = [second.pushes(owner, {name: stage.trunk.commits[0]}) for name in names]
    second.stop()
    return pulls.active, found


@row("3.2-twice", all_of((True, False), gitea=(False, True)))
def ref_twice(stage: Stage) -> object:
    """one ref twice in one push, which git itself takes: (done, refused in the family's words)"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner)
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 2))
    update = RefUpdate(MAIN, one, two)
    wanted = frozenset({"report-status", "side-band-64k"})
    body = receive_pack.request_head((update, update), wanted)
    body += stage.trunk.pack(frozenset({two}))
    answer = stage.post(
        f"{stage.url(owner)}/{RECEIVE}",
        data=body,
        headers={"Content-Type": f"application/x-{RECEIVE}-request"},
    )
    return stage.refs(owner) == {MAIN: two}, f"{MAIN} is named twice" in answer.text


@row("3.2-merged", all_of(True, khatru=False), read=(RELAY,))
def merged(stage: Stage) -> object:
    """a merged pull request's ref after 20 minutes"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    pull = stage.person().pull(owner, stage.name, one)
    name = f"refs/nostr/{pull.id}"
    stage.publish(pull)
    stage.push(owner, {name: one})
    stage.later(31)
    stage.later(1201)
    return name in stage.refs(owner)


@row(
    "3.2-words",
    {
        SPEC: "purgatory: PR event stored, waiting for git push with commit {commit}",
        NGIT: "purgatory: PR event stored, waiting for git push with commit {commit}",
        GITEA: "",
    },
)
def words(stage: Stage) -> object:
    """the OK to a pull request that waits"""
    owner, two = stage.person(), stage.trunk.commits[1]
    stage.host(owner)
    ((_, message),) = stage.publish(stage.person().pull(owner, stage.name, two))
    return message.replace(two, "{commit}")


@row(
    "3.2-update",
    all_of((False, True, True), ngit_relay=(True, True, True), khatru=(True, True, True)),
)
def update(stage: Stage) -> object:
    """an update (1619) of a pull request: (served before its commit, the push, served in time)"""
    owner, writer, (one, two, _) = stage.person(), stage.person(), stage.trunk.commits
    stage.host(owner)
    pull = writer.pull(owner, stage.name, one)
    tags = stage.about(owner), ("E", pull.id), ("c", two)
    event = writer.sign(kinds.PULL_REQUEST_UPDATE, *tags, at=NOW + 1)
    assert stage.accepts(pull, event) == [True, True]
    before = stage.serves(event)
    pushed = stage.pushes(owner, {f"refs/nostr/{event.id}": two})
    stage.later(31)
    return before, pushed, stage.serves(event)


@row("3.2-update-other", all_of(False, ngit_relay=True))
def update_other(stage: Stage) -> object:
    """the push of another commit for an update"""
    owner, (_, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner)
    tags = stage.about(owner), ("c", two)
    event = stage.person().sign(kinds.PULL_REQUEST_UPDATE, *tags)
    stage.publish(event)
    return stage.pushes(owner, {f"refs/nostr/{event.id}": stage.trunk.stray})
