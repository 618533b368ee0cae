"""The one path for git data, however it arrived: push, or already here when an event comes.

    release the announcement ─▶ states, oldest first: copy objects to every repository for which
    the state counts, align refs and HEAD, serve it ─▶ pull requests whose commit is here

Runs in a worker thread under the identifier's lock, and is idempotent: what is already so stays.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.git.refname import NOSTR
from reconciler.nostr import nip34
from reconciler.nostr.event import Event
from reconciler.nostr.nip34 import Coordinate, State
from reconciler.sandbox.events.store import Added
from reconciler.sandbox.family.rules import Alignment
from reconciler.sandbox.flow import alignment
from reconciler.sandbox.held import HeldRepos
from reconciler.sandbox.policy.maintainers import Announced
from reconciler.sandbox.service import Service
from reconciler.sandbox.waiting.agenda import Task


class Delivery:
    """One piece of work on one identifier, as long as its lock is held.

    What holds is read at its beginning and counts to its end; only what the work itself serves
    changes it. `repos` remembers what was read of the repositories.
    """

    def __init__(self, service: Service, identifier: str) -> None:
        self.standing = service.standing(identifier)
        self.repos = HeldRepos(service.repos)
        self._service = service

    def deliver(self, pushed: Coordinate) -> None:
        """Do all that git data which came to `pushed` makes possible in this family."""
        rules = self.standing.rules
        match rules.alignment:
            case Alignment.NEVER:
                return
            case Alignment.DELETES:
                self.prune(pushed)
            case Alignment.AT_ONCE if rules.release_seconds:
                for state in self.standing.waiting:
                    self.apply_state(state, serve=False)
                self._service.agenda.add(Task.RELEASE, pushed, rules.release_seconds)
            case Alignment.AT_ONCE:
                self.release(pushed)

    def release(self, pushed: Coordinate) -> None:
        """Serve what waited for the git data of this repository, and align refs with it."""
        self._release_announcement(pushed)
        for state in self.standing.waiting:
            self.apply_state(state)
        if self.standing.rules.realigns_stored:
            alignment.realign(self.repos, self.standing)
        for pull in self._service.purgatory.pulls(pushed.identifier):
            if pull.event:
                self.apply_pull(pull.event, pull.commit)

    def follow(self, coordinate: Coordinate) -> None:
        """Bring a repository to the newest stored state, as far as its objects go."""
        alignment.follow(self.repos, self.standing, coordinate)

    def prune(self, coordinate: Coordinate) -> None:
        """Take away the refs that the newest stored state lacks, and let HEAD follow it."""
        alignment.follow(self.repos, self.standing, coordinate, moves=False)

    def take_from_others(self, coordinate: Coordinate) -> None:
        """Bring a repository to the newest stored state, with what other owners' repositories of
        the identifier hold. Where there are none, nothing happens: ngit-relay looks for objects
        that it has only when it has fetched from somewhere else."""
        alignment.take_from_others(self.repos, self.standing, coordinate)

    def apply_state(self, state: State, *, serve: bool = True) -> Added | None:
        """Apply and serve a state if one single repository here holds all its objects.

        Returns None when none does, so that the state has to wait; also when its author has lost
        authority since it began to wait. An empty state is always applied. Without `serve` refs
        and HEAD follow, and the event goes on waiting.
        """
        owners = self.standing.announced.owners_for(state.event.pubkey)
        source = alignment.holder(self.repos, self.standing, state) if owners else None
        if source is None:
            return None
        for owner in owners:
            coordinate = Coordinate(owner, state.identifier)
            if self.repos.exists(coordinate):
                self._apply_to(coordinate, state, source)
        return self._serve(state) if serve else None

    def apply_pull(self, event: Event, commit: str) -> bool:
        """Serve a pull request whose commit is in one of its repositories, and give all of them
        refs/nostr/<event id>. A ref of that name with another commit is removed.

        Returns False when the commit is nowhere.
        """
        name, repos = f"{NOSTR}{event.id}", self.repos
        targets = repos.existing(_tagged(self.standing.announced, event))
        holders = [c for c in targets if not repos.missing(c, [commit])]
        for target in targets:
            if holders and target not in holders:
                alignment.copy(repos, holders[0], target, frozenset({commit}))
            wanted = commit if holders else None
            if repos.refs(target).get(name) != wanted:
                repos.update(target, {name: wanted})
        if holders:
            self._service.purgatory.drop_pull(event.id)
            self._service.save(event)
        return bool(holders)

    def _apply_to(self, coordinate: Coordinate, state: State, source: Coordinate) -> None:
        missing = self.repos.missing(coordinate, alignment.objects(state))
        if missing:
            alignment.copy(self.repos, source, coordinate, missing)
        if self.standing.outranks(state, coordinate.owner):
            alignment.align(self.repos, self.standing, coordinate, state)
        if missing or (self.standing.rules.present_promotes and state.refs):
            self._release_announcement(coordinate)

    def _serve(self, state: State) -> Added:
        self._service.purgatory.drop_state(state.event.id)
        self.standing = self.standing.without(state)
        added = self._service.save(state.signed)
        if added is Added.STORED:
            self.standing = self.standing.serving(state)
        return added

    def _release_announcement(self, coordinate: Coordinate) -> None:
        """Serve an announcement whose git data has come."""
        purgatory = self._service.purgatory
        if entry := purgatory.announcement(coordinate):
            purgatory.drop_announcement(coordinate)
            if self._service.save(entry.announcement.signed) is not Added.STORED:
                found = self._service.announced(coordinate.identifier)  # a deletion outdates it
                self.standing = replace(self.standing, announced=found)


def deliver_fetched(service: Service, coordinate: Coordinate) -> None:
    """`Delivery.deliver` for git data that this server has fetched itself. In families where
    nothing but a push moves refs, it counts as the push of what the newest state declares."""
    delivery = Delivery(service, coordinate.identifier)
    delivery.deliver(coordinate)
    if delivery.standing.rules.alignment is Alignment.AT_ONCE:
        return
    delivery.follow(coordinate)
    state = delivery.standing.governing(coordinate.owner)
    if state and state.head in dict(state.refs) and delivery.repos.exists(coordinate):
        delivery.repos.set_head(coordinate, state.head)


def governing(service: Service, coordinate: Coordinate) -> State | None:
    """The newest stored state that counts for this repository."""
    return service.standing(coordinate.identifier).governing(coordinate.owner)


def pull_repositories(service: Service, event: Event, identifier: str) -> tuple[Coordinate, ...]:
    """The hosted repositories whose authority overlaps the owners that a pull request tags."""
    return service.repos.existing(_tagged(service.announced(identifier), event))


def _tagged(found: Announced, event: Event) -> tuple[Coordinate, ...]:
    tagged = {c.owner for c in map(nip34.parse_coordinate, event.values("a")) if c}
    return tuple(c for c in found.repositories if not tagged.isdisjoint(found.authority(c.owner)))
