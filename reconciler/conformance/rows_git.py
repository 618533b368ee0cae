"""git smart HTTP (§4): URLs, listings, and every way of pushing."""

from __future__ import annotations

import gzip

from reconciler.conformance.people import NOW
from reconciler.conformance.stage import DEV, MAIN, TAG, ZERO, Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, RELAY, SPEC, all_of, row, some
from reconciler.conformance.work import git
from reconciler.git import pktline, receive_pack
from reconciler.git.advertisement import RECEIVE, UPLOAD
from reconciler.git.receive_pack import RefUpdate


@row("4-suffix", all_of(404, ngit_grasp=200))
def suffix(stage: Stage) -> object:
    """the URL without .git"""
    owner = stage.person()
    stage.announce(owner)
    url = stage.url(owner).removesuffix(".git")
    return stage.get(f"{url}/info/refs?service={UPLOAD}").status_code


@row(
    "4-bad-npub",
    {SPEC: (404, 400), NGIT: (404, 400), RELAY: (404, 404), KHATRU: (400, 400), GITEA: (404, 404)},
)
def bad_npub(stage: Stage) -> object:
    """a bad npub: read and push"""
    url = f"{stage.server.url}/npub1xxx/widget.git"
    read = stage.get(f"{url}/info/refs?service={UPLOAD}").status_code
    return read, stage.post(f"{url}/{RECEIVE}").status_code


@row("4-missing", all_of((404, 404), khatru=(404, 403)))
def missing(stage: Stage) -> object:
    """a repository that nobody announced: read and push"""
    owner = stage.person()
    return stage.status(owner), stage.push(owner, {MAIN: stage.trunk.commits[0]}).status


@row("4-empty", all_of(True, khatru=False))
def empty(stage: Stage) -> object:
    """capabilities of an empty listing"""
    owner = stage.person()
    stage.announce(owner)
    found = stage.listing(owner, service=RECEIVE)
    return bool(found and found.capabilities)


@row("4-first-report", all_of("ok"))
def first_report(stage: Stage) -> object:
    """a report for the first push, by git's own client"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one}))
    stage.trunk.work.git("push", stage.url(owner), f"{one}:{MAIN}", check=False)
    return "ok" if stage.refs(owner) == {MAIN: one} else "lost"


@row("4-report", all_of((True, True), khatru=(None, True)))
def report(stage: Stage) -> object:
    """report-status: of the first push, and of the second"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one}))
    first = stage.push(owner, {MAIN: one}).done
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 1))
    return first, stage.push(owner, {MAIN: two}).done


@row("4-query", all_of((200, 200), ngit_grasp=(404, 404), gitea=(403, 403)))
def query(stage: Stage) -> object:
    """`service` behind another parameter, and before one"""
    owner = stage.person()
    stage.announce(owner)
    url = f"{stage.url(owner)}/info/refs"
    return tuple(
        stage.get(f"{url}?{text}").status_code
        for text in (f"x=1&service={UPLOAD}", f"service={UPLOAD}&x=1")
    )


@row("4-head", all_of(200, gitea=405))
def head(stage: Stage) -> object:
    """HEAD on info/refs"""
    owner = stage.person()
    stage.announce(owner)
    url = f"{stage.url(owner)}/info/refs?service={UPLOAD}"
    return stage.request("HEAD", url).status_code


@row(
    "4-dumb",
    {
        SPEC: (403, "text/plain"),
        NGIT: (404, "text/plain"),
        RELAY: (200, "text/plain"),
        KHATRU: (200, "application/x--advertisement"),
        GITEA: (403, "text/plain"),
    },
    guesses=(GITEA,),
)
def dumb(stage: Stage) -> object:
    """the dumb protocol"""
    owner = stage.person()
    stage.host(owner)
    answer = stage.get(f"{stage.url(owner)}/info/refs")
    kind = answer.headers.get("Content-Type", "text/plain")
    return answer.status_code, kind.partition(";")[0]


@row("4-type", all_of((200, 200), ngit_relay=(415, 415), khatru=(415, 200)), guesses=(GITEA,))
def content_type(stage: Stage) -> object:
    """requests without Content-Type: a fetch's, and a push's"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner)
    want = pktline.encode(f"want {one}\n".encode()) + b"0000" + pktline.encode(b"done\n")
    none = pktline.encode(f"{one} {one} {MAIN}\0".encode()) + b"0000"
    return tuple(
        stage.request("POST", f"{stage.url(owner)}/{name}", data=body).status_code
        for name, body in ((UPLOAD, want), (RECEIVE, none))
    )


@row("4-version-2", all_of(True))
def version_2(stage: Stage) -> object:
    """protocol version 2"""
    owner = stage.person()
    stage.host(owner)
    url = f"{stage.url(owner)}/info/refs?service={UPLOAD}"
    return b"version 2" in stage.get(url, **{"Git-Protocol": "version=2"}).content


@row("4-clone", all_of(True))
def clone(stage: Stage) -> object:
    """git clones what was pushed"""
    owner = stage.person()
    stage.host(owner)
    folder = stage.folder / f"clone of {owner.name} {stage.family}"
    git("clone", "-q", "--bare", stage.url(owner), folder)
    return git("rev-parse", "HEAD", cwd=folder) == stage.trunk.commits[0]


@row("4-gzip", all_of(True, khatru=False))
def zipped(stage: Stage) -> object:
    """a compressed push"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one}))
    body = receive_pack.request_head((RefUpdate(MAIN, ZERO, one),), frozenset({"report-status"}))
    body += stage.trunk.pack(frozenset({one}))
    kind = f"application/x-{RECEIVE}-request"
    headers = {"Content-Encoding": "gzip", "Content-Type": kind}
    url = f"{stage.url(owner)}/{RECEIVE}"
    stage.post(url, data=gzip.compress(body), headers=headers)
    return stage.refs(owner) == {MAIN: one}


@row(
    "4-refused",
    {
        SPEC: (200, "Ref validation failed"),
        NGIT: (200, "1 state event in purgatory from au"),
        RELAY: (200, "pre-receive hook declined; error: cannot push main to"),
        KHATRU: (403, "unauthorized push: push unauthorized: ref refs/heads/main"),
        GITEA: (200, "pre-receive hook declined; error: push rejected: SHA mismatch"),
    },
)
def refused(stage: Stage) -> object:
    """how an unauthorised push is answered"""
    owner = stage.person()
    stage.host(owner)
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.commits[1]}, at=NOW + 1))
    pushed = stage.push(owner, {MAIN: stage.trunk.commits[2]})
    length = {
        "spec": 21,
        "ngit-grasp": 34,
        "ngit-grasp-3": 34,
        "ngit-relay": 53,
        "khatru": 57,
        "gitea": 61,
    }
    text = pushed.text.removeprefix("authorisation failed: ")
    return pushed.status, text[: length[stage.family]]


@row(
    "4-no-state",
    {
        SPEC: "No state event from an authorized publisher found",
        NGIT: "No state events in purgatory",
        RELAY: "error: state event not on internal relay, cannot validate non-nostr refs: no valid"
        " NIP-34 state event found from maintainers",
        KHATRU: "unauthorized push: no state found for repository '{name}'\n",
        GITEA: "error: push rejected: no NIP-34 state",
    },
)
def no_state(stage: Stage) -> object:
    """a push before any state"""
    owner = stage.person()
    stage.announce(owner)
    text = stage.push(owner, {MAIN: stage.trunk.commits[0]}).text
    text = text.removeprefix("authorisation failed: ").rpartition("; ")[2]
    return text.replace(stage.name, "{name}")


@row("4-nothing-kept", all_of(True))
def nothing_kept(stage: Stage) -> object:
    """objects of a refused push are not kept"""
    owner = stage.person()
    stage.host(owner)
    stage.push(owner, {MAIN: stage.trunk.stray})
    path = stage.files(owner)
    found = git("cat-file", "-e", stage.trunk.stray, cwd=path, check=False)
    return not found.startswith("0\n")


@row("4-partial", all_of(True, ngit_grasp=False))
def partial(stage: Stage) -> object:
    """a part of a state"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: two}))
    return stage.pushes(owner, {MAIN: one})


@row("4-one-bad", all_of(False))
def one_bad(stage: Stage) -> object:
    """one good and one bad ref: is the good one taken?"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one, DEV: two}))
    stage.push(owner, {MAIN: one, DEV: stage.trunk.stray})
    return MAIN in stage.refs(owner)


def _pushes_delete(stage: Stage, name: str) -> bool:
    """May this ref be deleted by push, along with a new commit, once the state drops it?"""
    owner, (one, _, three) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one, name: one})
    stage.publish(owner.state(stage.name, {MAIN: three}, at=NOW + 1))
    if name not in stage.refs(owner):  # gone by itself
        stage.files(owner).joinpath(name).write_text(f"{one}\n")
    stage.push(owner, {MAIN: three, name: ZERO})
    return stage.refs(owner) == {MAIN: three}


@row("4-delete-branch", {SPEC: True, NGIT: False, RELAY: False, KHATRU: True, GITEA: True})
def delete_branch(stage: Stage) -> object:
    """deleting a branch by push, which the state dropped"""
    return _pushes_delete(stage, DEV)


@row("4-delete-tag", {SPEC: True, NGIT: True, RELAY: False, KHATRU: True, GITEA: True})
def delete_tag(stage: Stage) -> object:
    """deleting a tag by push, which the state dropped"""
    return _pushes_delete(stage, TAG)


@row("4-delete-declared", all_of(False))
def delete_declared(stage: Stage) -> object:
    """deleting a ref that the state holds"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.host(owner, {MAIN: one, DEV: one})
    return stage.pushes(owner, {DEV: ZERO})


@row("4-delete-head", {SPEC: True, KHATRU: False, GITEA: True})
def delete_head(stage: Stage) -> object:
    """deleting HEAD's branch by push, which the state dropped"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one, DEV: one})
    stage.publish(owner.state(stage.name, {DEV: two}, head="main", at=NOW + 1))
    stage.push(owner, {MAIN: ZERO})
    return MAIN not in stage.refs(owner)


@row("4-force", all_of(True))
def force(stage: Stage) -> object:
    """a rewritten history"""
    owner = stage.person()
    stage.host(owner, {MAIN: stage.trunk.commits[2]})
    stage.publish(owner.state(stage.name, {MAIN: stage.trunk.stray}, at=NOW + 1))
    return stage.pushes(owner, {MAIN: stage.trunk.stray})


@row("4-other-refs", {SPEC: False, NGIT: True, RELAY: False, KHATRU: True, GITEA: False})
def other_refs(stage: Stage) -> object:
    """refs/notes/* beside a good push"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 1))
    return stage.pushes(owner, {MAIN: two, "refs/notes/x": one})


@row(
    "4-replace",
    some((False, False), SPEC, GITEA)
    | some((True, True), NGIT, KHATRU)
    | some((False, True), RELAY),
)
def replaced(stage: Stage) -> object:
    """refs/replace/X for X itself beside a good push: (it arrives, the state is served)"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    state = owner.state(stage.name, {MAIN: two}, at=NOW + 1)
    stage.publish(state)
    stage.push(owner, {MAIN: two, f"refs/replace/{one}": one})
    return stage.refs(owner).get(MAIN) == two, stage.serves(state)


@row("4-pr-branch", {SPEC: True, NGIT: True, RELAY: False, KHATRU: True, GITEA: False})
def pr_branch(stage: Stage) -> object:
    """refs/heads/pr/* in the state and in the push"""
    owner, (one, two, _) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: one, "refs/heads/pr/x": two}, at=NOW + 1))
    return stage.pushes(owner, {"refs/heads/pr/x": two})


@row("4-objects", all_of(False))
def objects(stage: Stage) -> object:
    """a pack that says it holds 50,001 objects"""
    owner, one = stage.person(), stage.trunk.commits[0]
    stage.announce(owner)
    stage.publish(owner.state(stage.name, {MAIN: one}))
    pack = b"PACK\0\0\0\2" + (50_001).to_bytes(4, "big") + b"\0" * 20
    pushed = stage.push(owner, {MAIN: one}, pack=pack)
    assert ("too many" in pushed.text) == (stage.family == "gitea")
    return MAIN in stage.refs(owner)


@row(
    "4-words-missing",
    {
        SPEC: "Git error: repository not found",
        NGIT: "Git error: repository not found",
        RELAY: "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404"
        " Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        KHATRU: "repository announcement event not found during info-refs\n",
        GITEA: "repository not found",
    },
    guesses=(GITEA,),
)
def words_missing(stage: Stage) -> object:
    """404: the text for a repository that nobody announced"""
    return stage.get(f"{stage.url(stage.person())}/info/refs?service={UPLOAD}").text


@row(
    "4-words-name",
    {
        NGIT: ("Invalid npub: Invalid public key", ""),
        KHATRU: ("invalid npub\n", "invalid repository name\n"),
    },
)
def words_name(stage: Stage) -> object:
    """400: the text for a bad npub in a push, and for an identifier beyond the pattern"""
    bad = stage.post(f"{stage.server.url}/npub1xxx/widget.git/{RECEIVE}")
    owner = stage.person()
    stage.announce(owner, "a b")
    answer = stage.get(f"{stage.url(owner, 'a b')}/info/refs?service={UPLOAD}")
    return bad.text, answer.text if answer.status_code == 400 else ""


@row("4-race", all_of(True))
def race(stage: Stage) -> object:
    """a command whose old value is not the ref's: git's own words"""
    owner, (one, two, three) = stage.person(), stage.trunk.commits
    stage.host(owner, {MAIN: one})
    stage.publish(owner.state(stage.name, {MAIN: two}, at=NOW + 2))
    pushed = stage.push(owner, {MAIN: two}, old={MAIN: three})
    assert pushed.done is False
    known = ("cannot lock ref", "incorrect old value provided", "failed to update ref")
    return any(words in pushed.text for words in known)
