"""When a push is authorised (§4.1), and the endpoints beside it (§4.2)."""

from __future__ import annotations

from reconciler.conformance.clock import eventually
from reconciler.conformance.people import NOW, Person
from reconciler.conformance.stage import DEV, MAIN, ZERO, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some
from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.nostr import kinds, nip19

PACKED = {"Content-Type": f"application/x-{RECEIVE}-request"}
PULL = "refs/nostr/" + "34" * 32


@row("4.1-no-op", {SPEC: True, NGIT: True, RELAY: True, KHATRU: True, GITEA: True})
def no_op(stage: Stage) -> object:
    """old == new, with no state that waits"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one})
    return stage.push(owner, {MAIN: one}).done


@row("4.1-stored-state", {SPEC: True, NGIT: False, RELAY: True, KHATRU: True, GITEA: True})
def stored_state(stage: Stage) -> object:
    """a stored state authorises a push"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    stage.later(1)
    (stage.files(owner) / DEV).unlink()
    return stage.pushes(owner, {DEV: one})


@row("4.1-seeded", {SPEC: True, NGIT: True, RELAY: False, GITEA: True})
def seeded(stage: Stage) -> object:
    """a nostr push with a waiting state's objects applies it"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 1))
    stage.push(owner, {PULL: two})
    stage.later(31)
    found = stage.refs(owner)
    found.pop(PULL)
    return found == {MAIN: two}


@row("4.1-stray", {SPEC: True, NGIT: True, RELAY: True, GITEA: True})
def stray(stage: Stage) -> object:
    """and the ref of a nostr push that nobody knows goes by the next push"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    assert stage.pushes(owner, {PULL: two})
    return stage.pushes(owner, {PULL: ZERO})


@row("4.1-commands", all_of(200))
def commands(stage: Stage) -> object:
    """a first command without capabilities"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one})
    line = f"{one} {one} {MAIN}"
    body = f"{len(line) + 4:04x}{line}0000".encode()
    url = f"{stage.url(owner)}/{RECEIVE}"
    return stage.post(url, data=body, headers=PACKED).status_code


@row("4.2-prs", all_of(404))
def prs(stage: Stage) -> object:
    """the /prs/ endpoint, switched off"""
    npub = nip19.npub(stage.person().pubkey)
    return stage.get(f"/prs/{npub}/widget.git/info/refs?service={UPLOAD}").status_code


@row("4.2-archived", some((True, 200), SPEC, NGIT))
def archived(stage: Stage) -> object:
    """GRASP-05: an announcement of a whitelisted owner that lists others"""
    owner = stage.person()
    second = stage.archive(whitelist=(nip19.npub(owner.pubkey),))
    accepted, status = _elsewhere(second, owner)
    second.stop()
    return accepted, status


def _elsewhere(stage: Stage, owner: Person) -> tuple[bool, int]:
    event = owner.sign(30_617, ("d", stage.name), ("clone", "https://b.example/x.git"))
    return stage.accepts(event)[0], stage.status(owner)


@row("4.2-read-only", {SPEC: False, NGIT: True})
def read_only(stage: Stage) -> object:
    """GRASP-05: a push to a read-only archive"""
    owner = stage.person()
    second = stage.archive(whitelist=(nip19.npub(owner.pubkey),), read_only=True)
    second.announce(owner)
    second.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[0]}))
    found = second.pushes(owner, {MAIN: stage.trunk.commits[0]})
    second.stop()
    return found


@row("4.2-read-only-listed", some(False, SPEC, NGIT))
def read_only_listed(stage: Stage) -> object:
    """GRASP-05: a listed repository at a read-only archive"""
    owner = stage.person()
    second = stage.archive(whitelist=("other",), read_only=True)
    found = second.accepts(owner.announce(second.server, stage.name))[0]
    second.stop()
    return found


@row("4.1-no-op-releases", all_of((True, True), ngit_grasp=(False, True)))
def no_op_releases(stage: Stage) -> object:
    """announced anew while its data is here: served before a push of what is there, and after"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one})
    stage.publish(owner.sign(kinds.DELETION, stage.about(owner), at=NOW + 1))
    again = owner.announce(stage.server, stage.name, at=NOW + 2)
    stage.publish(again)
    before = stage.serves(again)
    assert stage.push(owner, {MAIN: one}).done
    return before, stage.serves(again)


@row("4.1-two-states", all_of(True, khatru=False))
def two_states(stage: Stage) -> object:
    """a branch goes and another moves: first a state that only drops it, then one that moves"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {MAIN: one}, at=NOW + 2))
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 3))
    stage.push(owner, {MAIN: two})
    return stage.refs(owner) == {MAIN: two}


@row("4.1-hunted", some(True, SPEC, NGIT))
def hunted(stage: Stage) -> object:
    """the server itself fetches the objects of a state that also drops a branch"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: two})
    second = stage.other(rate_limits=False, sync=True)
    announcement = owner.announce(second.server, stage.name)
    source = stage.url(owner)
    tags = [(*t, source) if t[0] == "clone" else t for t in announcement.tags]
    second.publish(owner.sign(kinds.ANNOUNCEMENT, *tags))
    second.advance(owner, {MAIN: one, DEV: one})
    second.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 5))
    second.clock.advance(181)
    eventually(lambda: second.refs(owner) == {MAIN: two})
    second.stop()
    return True
