"""Stage three: what was wanted and what was seen become one plan. Pure.

`plan` studies each repository once (`repository.py`), compares it with each server (`cell.py`), and
puts the actions into one stable order, so that two plans of the same world are equal as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.facts.dialects import detect
from reconciler.facts.knowledge import Knowledge
from reconciler.facts.seen import is_gone
from reconciler.facts.selection import Selection
from reconciler.facts.sources import adopted, traces, unannounced
from reconciler.model.actions import Action
from reconciler.model.desired import Desired, Server
from reconciler.model.observed import Listing, Observed, ServerView, lookup
from reconciler.model.plan import Hold, HoldReason, Plan, RepositorySummary, ServerSummary
from reconciler.nostr.nip34 import Coordinate
from reconciler.plan import entries, reasons
from reconciler.plan.cell import CellPlan, plan_cell, plan_index
from reconciler.plan.delegation import delegations, verdicts
from reconciler.plan.forced import forced
from reconciler.plan.repository import Repository


def plan(desired: Desired, observed: Observed, selection: Selection) -> Plan:
    """Everything that should be written, and everything that may not be, with the reasons."""
    known = Knowledge.of(observed.events, now=observed.at)
    repositories = [
        Repository.of(desired, observed, known, coordinate, selection.name(coordinate))
        for coordinate in selection.of(desired, known)
    ]
    fresh = unannounced(desired, known, selection, observed.seen)
    first = {c: Repository.first(desired, observed, known, c, selection.name(c)) for c in fresh}
    repositories += [repository for repository in first.values() if repository]
    cells = [
        cell
        for repository in repositories
        for cell in _cells(repository, observed, known, desired.servers)
    ]
    actions = [action for cell in cells for action in cell.actions]
    for repository in repositories:
        signs = (repository.sign, repository.sign_state)
        actions += [sign for sign in signs if sign]
        for view in observed.views:
            actions += [] if view.grasp or view.witness else plan_index(repository, view, known)
    ordered = _ordered(_once(actions))
    left = delegations(desired, observed, repositories, ordered)
    holds = [hold for repository in repositories for hold in repository.holds]
    holds += [hold for cell in cells for hold in cell.holds]
    holds += [hold for c, found in first.items() if not found for hold in _unborn(observed, c)]
    holds += _deleted(desired, known, selection)
    holds += _unreadable(known, selection)
    holds += _vanished(desired, observed, known, selection)
    return Plan(
        desired_digest=desired.digest,
        created_at=observed.at,
        repositories=tuple(_summary(repository) for repository in repositories),
        servers=tuple(
            _server(view, desired.called(view.url)) for view in observed.views if not view.witness
        ),
        actions=ordered,
        holds=entries.accepted(
            sorted(holds, key=lambda h: (h.coordinate, h.server or "", h.reason)),
            desired,
            selection,
            now=observed.at,
        ),
        cells=verdicts(cells, left, now=observed.at),
        discovered=_discovered(desired, repositories),
        silent=_silent(desired, known, fresh),
        unmatched=entries.unmatched(desired, known, selection, holds, fresh),
        forced=forced(actions, observed),
        delegated=left,
    )


def _cells(
    repository: Repository, observed: Observed, known: Knowledge, servers: Sequence[Server]
) -> Iterable[CellPlan]:
    by_url = {server.url: server for server in servers}
    for url in repository.places:
        view = observed.view(url)
        cell = plan_cell(repository, view, detect(view.info), known)
        yield entries.paused(cell, by_url[url], now=observed.at)


def _once(actions: Sequence[Action]) -> list[Action]:
    """One event that concerns several repositories goes to each server once, with all it does."""
    found: dict[str, Action] = {}
    for action in actions:
        twin = found.setdefault(action.key, action)
        if twin is not action:
            found[action.key] = twin.joined(action)
    return list(found.values())


def _ordered(actions: Sequence[Action]) -> tuple[Action, ...]:
    """By wave, then repository; within one cell the planner's order stays (parents first)."""

    def key(action: Action) -> tuple[int, Coordinate, str]:
        return (action.wave, action.coordinate, action.server or "")

    return tuple(sorted(actions, key=key))


def _unreadable(known: Knowledge, selection: Selection) -> list[Hold]:
    """Announcements and states by our owners that break NIP-34: said, never half-followed."""
    owners = dict(selection.owners)
    found = []
    for event_id, why in known.unreadable:
        event = known.events[event_id]
        if event.pubkey in owners:
            coordinate = Coordinate(event.pubkey, (event.first("d") or "?")[:100])
            detail = f"event {event_id[:12]}: {why}"
            release = "its author publishes a correct one"
            found.append(
                Hold(
                    coordinate=coordinate,
                    server=None,
                    reason=HoldReason.UNREADABLE,
                    detail=detail,
                    release=release,
                )
            )
    return found


def _vanished(
    desired: Desired, observed: Observed, known: Knowledge, selection: Selection
) -> list[Hold]:
    """Repositories that earlier runs saw and that nobody serves any more."""
    wanted = {
        mark.coordinate
        for mark in observed.seen
        if (npub := desired.npub(mark.coordinate.owner)) and npub.wants(mark.coordinate.identifier)
    }
    ours = set(selection.taken(wanted))
    marks = (mark for mark in observed.seen if mark.coordinate in ours)
    return [reasons.vanished(mark, desired) for mark in marks if is_gone(mark, observed, known)]


def _discovered(desired: Desired, repositories: Sequence[Repository]) -> tuple[str, ...]:
    """GRASP servers that announcements list and the desired state does not know."""
    if desired.policies.discover_servers == "ignore":
        return ()
    known = {server.url for server in desired.servers}
    listed = {url for repository in repositories for url in repository.announcement.servers()}
    return tuple(sorted(listed - known))


def _unborn(observed: Observed, coordinate: Coordinate) -> Iterable[Hold]:
    """Why a repository that nobody announced is not announced now; a server that could take it is
    told of elsewhere."""
    view = lookup(observed.sources, coordinate)
    if view and not isinstance(view.refs, Listing):
        yield reasons.source_unread(coordinate, view.url, view.refs)
    elif view and view.root is None:
        yield reasons.source_unread(coordinate, view.url, "it lists no branch with a first commit")


def _deleted(desired: Desired, known: Knowledge, selection: Selection) -> Iterable[Hold]:
    """Repositories with a source that were announced once and are not any more."""
    wanted = (c for c, _ in desired.sources if adopted(desired, c))
    gone = (c for c in wanted if c not in known.announcements and traces(c, known))
    return [reasons.deleted(coordinate) for coordinate in selection.taken(gone)]


def _silent(desired: Desired, known: Knowledge, fresh: Iterable[Coordinate]) -> tuple[str, ...]:
    """Npubs that announced nothing which anybody serves: a wrong npub looks like that."""
    heard = {coordinate.owner for coordinate in (*known.announcements, *fresh)}
    return tuple(npub.name for npub in desired.npubs if npub.pubkey not in heard)


def _summary(repository: Repository) -> RepositorySummary:
    state = repository.ruling.state
    return RepositorySummary(
        coordinate=repository.coordinate,
        name=repository.name,
        announcement=repository.announcement.event.id,
        state=state.event.id if state else None,
        authority=tuple(sorted(repository.authority)),
        refs=len(state.refs) if state else 0,
        events=len(repository.events),
    )


def _server(view: ServerView, name: str) -> ServerSummary:
    info = view.info
    software = f"{info.software} {info.version}".strip() if info else ""
    unknown = str(view.unknown) if view.unknown else None
    dialect = detect(info).name if view.grasp else "relay"
    return ServerSummary(
        url=view.url,
        name=name,
        grasp=view.grasp,
        dialect=dialect,
        software=software,
        unknown=unknown,
    )
