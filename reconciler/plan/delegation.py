"""What a server gets by itself from another one, and is therefore not sent. Pure.

Some families read the relays that their announcements list: one announcement makes such a server
fetch every other one there that lists it, with states, git data and conversation. Measured, that
is faster than any client may send. A server that knows no such relay yet is sent one announcement
that names it. A server is given time by its family's measure; what it has not done by then is
ours again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.facts.dialects import detect
from reconciler.model.actions import Action, Publish, Push, Wave
from reconciler.model.desired import Desired, Server
from reconciler.model.observed import Listing, Observed, ServerView, lookup
from reconciler.model.plan import CellVerdict, Delegation, Verdict
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan.cell import CellPlan
from reconciler.plan.repository import Repository

BY_ITSELF = "left-to-the-server"


def delegations(
    desired: Desired,
    observed: Observed,
    repositories: Sequence[Repository],
    actions: Iterable[Action],
) -> tuple[Delegation, ...]:
    """The actions of each cell that are left to its server, with the time that it is given."""
    cells: defaultdict[str, defaultdict[Coordinate, list[Action]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for action in actions:
        if action.server:
            cells[action.server][action.coordinate].append(action)
    known = {repository.coordinate: repository for repository in repositories}
    return tuple(
        delegation
        for server in desired.servers
        if server.url in cells and _follows(server, observed)
        for delegation in _of_server(observed, known, server, cells[server.url])
    )


def verdicts(
    cells: Sequence[CellPlan], left: Iterable[Delegation], *, now: int
) -> tuple[CellVerdict, ...]:
    """The verdicts of all cells: where all that differs is left to the server, it settles."""
    given = {(d.coordinate, d.server): set(d.keys) for d in left if now < d.until}
    return tuple(_verdict(cell, given) for cell in cells)


def _verdict(cell: CellPlan, given: Mapping[tuple[Coordinate, str], set[str]]) -> CellVerdict:
    verdict = cell.verdict
    keys = given.get((verdict.coordinate, verdict.server), set())
    if verdict.verdict is Verdict.DRIFTED and keys.issuperset(a.key for a in cell.actions):
        return replace(verdict, verdict=Verdict.SETTLING, detail=BY_ITSELF)
    return verdict


def _follows(server: Server, observed: Observed) -> bool:
    view = observed.view(server.url)
    follows = detect(view.info).own.follows is not None
    return server.delegates and follows and view.unknown is None


def _of_server(
    observed: Observed,
    known: Mapping[Coordinate, Repository],
    server: Server,
    cells: Mapping[Coordinate, Sequence[Action]],
) -> Iterable[Delegation]:
    view = observed.view(server.url)
    sources = _Sources(observed, view, _followed(view, known.values()))
    left = {c: keys for c in sorted(cells) if (keys := sources.leaves(known[c], cells[c]))}
    follows = detect(view.info).own.follows
    given = int(follows.within(len(left))) if follows else 0
    for coordinate, keys in left.items():
        since, until = lookup(view.delegated, coordinate) or (observed.at, observed.at + given)
        yield Delegation(coordinate, server.url, since, until, keys)


def _followed(view: ServerView, repositories: Iterable[Repository]) -> set[str]:
    """Servers whose relays this one reads already: those that its announcements list."""
    return {
        url
        for repository in repositories
        if repository.announcement.event.id in view.served
        for url in repository.announcement.servers()
    }


@dataclass
class _Sources:
    """Where one server can get what it lacks. `followed` grows by what this plan announces."""

    observed: Observed
    view: ServerView
    followed: set[str]

    def leaves(self, repository: Repository, actions: Sequence[Action]) -> tuple[str, ...]:
        """The keys of what this server may be left to get of one repository."""
        sources = self._sources(repository)
        left = [action for action in actions if _offered(action, repository, sources)]
        if any(a.wave in (Wave.STATE, Wave.PUSH) and a not in left for a in actions):
            # git data that only our archive has is pushed, under a state that we send
            left = [a for a in left if not a.is_head and a.wave is not Wave.PUSH]
        announced = repository.announcement.event.id
        if not any(o.url in self.followed and announced in o.served for o in sources):
            left = [action for action in left if action.wave is not Wave.ANNOUNCE]
        # it takes nothing of a repository that is still on its way to it
        first = min((a.wave for a in left if a.is_head or a.wave is Wave.PUSH), default=Wave.UPDATE)
        left = [a for a in actions if a in left or first < a.wave < Wave.UPDATE]
        if any(a.wave is Wave.ANNOUNCE and a not in left for a in actions):
            self.followed |= repository.listed
        return tuple(action.key for action in left)

    def _sources(self, repository: Repository) -> list[ServerView]:
        listed = repository.announcement.servers() - {self.view.url}
        return [
            other
            for other in self.observed.views
            if other.url in listed
            and other.unknown is None
            and lookup(other.hollow, repository.coordinate) is None
        ]


def _offered(action: Action, repository: Repository, sources: Sequence[ServerView]) -> bool:
    """Does another listed server offer all that this action would bring?"""
    if isinstance(action, Publish):
        # of the members' announcements it takes those that list it, and we send others
        if action.signed or action.wave is Wave.MEMBERS:
            return False
        return any(action.sends in other.served for other in sources)
    if not isinstance(action, Push) or action.head:
        return False
    wanted = {update.new for update in action.updates if not update.deletes}
    offered = {
        oid
        for other in sources
        if isinstance(refs := other.refs(repository.coordinate), Listing)
        for _, oid in refs.refs
    }
    return bool(wanted) and wanted <= offered
