"""NIP-34 events of our own making, before they are signed: a first announcement, and a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reconciler.git.advertisement import PEELED
from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Draft, Tag
from reconciler.nostr.nip34 import Coordinate


def resumed(draft: Draft, asked: Iterable[Draft], *, after: int) -> Draft:
    """The draft, or one that differs from it in nothing but an earlier time and was asked for
    before: an answer to that may come, and fits no other.

    Args:
        draft: what is to be signed.
        asked: what somebody was asked to sign.
        after: the time of the newest version that stands; what is signed must be newer.
    """
    for old in asked:
        if replace(old, created_at=draft.created_at) == draft and old.created_at > after:
            return old
    return draft


def announcement(
    repository: Coordinate,
    servers: tuple[str, ...],
    *,
    at: int,
    root: str,
    name: str = "",
    description: str = "",
    web: tuple[str, ...] = (),
) -> Draft:
    """The first announcement of a repository (NIP-34, kind 30617).

    Args:
        repository: whose it is, and its identifier.
        servers: canonical URLs of the GRASP servers that it lists; one `clone` and one `relays`
            tag, because ngit-grasp refuses two.
        at: created_at in seconds.
        root: the earliest unique commit, by which clients know forks of one project.
        name: for people; the identifier when empty.
        description: one line.
        web: pages for browsing.
    """
    owner, identifier = repository.owner, repository.identifier
    called = name or identifier
    tags: list[Tag] = [
        ("d", identifier),
        ("r", root, "euc"),
        ("name", called),
        ("description", description),
        ("clone", *(urls.clone(server, owner, identifier) for server in servers)),
    ]
    tags += [("web", *web)] if web else []
    tags += [("relays", *map(urls.relay, servers)), ("alt", f"git repository: {called}")]
    return Draft(owner, at, kinds.ANNOUNCEMENT, tuple(tags))


def state(
    repository: Coordinate,
    refs: Mapping[str, str],
    peeled: Mapping[str, str],
    head: str | None,
    *,
    at: int,
) -> Draft:
    """A state of these refs, signed by the owner (NIP-34, kind 30618).

    Args:
        repository: whose it is, and its identifier.
        refs: full names of branches and tags, with their object ids.
        peeled: what annotated tags among them point to. ngit writes such entries, so that
            `git fetch --prune` keeps the tags; no server counts them.
        head: the branch that HEAD names.
        at: created_at in seconds.
    """
    tags: list[Tag] = [("d", repository.identifier)]
    for name, oid in sorted(refs.items()):
        tags.append((name, oid))
        tags += [(name + PEELED, peeled[name])] if name in peeled else []
    tags += [("HEAD", f"ref: {head}")] if head else []
    return Draft(repository.owner, at, kinds.STATE, tuple(tags))
