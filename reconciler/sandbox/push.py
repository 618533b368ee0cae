"""One push: read its commands, ask `authorise`, run `git receive-pack`, deliver what it brought.

Blocking; runs in a worker thread under the identifier's lock.
"""

from __future__ import annotations

from typing import IO

from reconciler.errors import PeerFault
from reconciler.git import receive_pack
from reconciler.git.receive_pack import RefUpdate
from reconciler.git.refname import NOSTR, is_branch_or_tag, is_ours
from reconciler.limits import ADVERT_BYTES
from reconciler.nostr import nip34
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox import admission, gitdata
from reconciler.sandbox.authorise import Push, refusal
from reconciler.sandbox.service import Service


class NoRepository(PeerFault):
    """There is no repository at this address."""


class Refused(PeerFault):
    """The push is not authorised; the text is the reason."""


def receive(service: Service, coordinate: Coordinate, body: IO[bytes]) -> bytes:
    """Take a whole receive-pack request and return git's answer to it.

    Nothing of a refused push is kept: the decision comes before git sees the pack.

    Raises:
        NoRepository: nothing is hosted there.
        Refused: the push is not authorised.
        PeerFault: the request is malformed, or git failed.
    """
    updates = _commands(body)
    if updates:
        service.counters.bump("pushes_received")
    if not _is_known(service, coordinate):
        raise NoRepository("repository not found")
    if updates:
        _authorise(service, coordinate, updates)
    body.seek(0)
    answer = service.repos.git(
        coordinate,
        "receive-pack",
        "--stateless-rpc",
        str(service.repos.path(coordinate)),
        stdin=body,
    )
    accepted = _accepted(answer, updates)
    if accepted:
        _remember(service, coordinate, accepted)
        gitdata.deliver(service, coordinate)
    return answer


def _commands(body: IO[bytes]) -> tuple[RefUpdate, ...]:
    body.seek(0)
    updates, _, _ = receive_pack.parse_request(body.read(ADVERT_BYTES))
    return updates


def _is_known(service: Service, coordinate: Coordinate) -> bool:
    entry = service.purgatory.announcement(coordinate)
    return service.repos.exists(coordinate) or (entry is not None and entry.soft)


def _authorise(service: Service, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> None:
    """Raise Refused, or count the push as activity on what waits for it."""
    reason = refusal(service.dialect, _question(service, coordinate, updates))
    if reason:
        service.counters.bump("pushes_refused")
        raise Refused(reason)
    service.counters.bump("pushes_authorised")
    admission.revive(service, coordinate)
    service.purgatory.extend_states(coordinate.identifier)
    for update in updates:
        service.purgatory.extend_pull(update.name.removeprefix(NOSTR))


def _question(service: Service, coordinate: Coordinate, updates: tuple[RefUpdate, ...]) -> Push:
    identifier = coordinate.identifier
    refs = service.repos.refs(coordinate)
    return Push(
        updates,
        {name: oid for name, oid in refs.items() if is_branch_or_tag(name)},
        service.announced(identifier).authority(coordinate.owner),
        service.purgatory.states(identifier),
        service.stored_states(identifier),
        _tips(service, updates),
    )


def _tips(service: Service, updates: tuple[RefUpdate, ...]) -> dict[str, str | None]:
    """What the known pull requests among the pushed refs name as their commit."""
    tips: dict[str, str | None] = {}
    for update in updates:
        event_id = update.name.removeprefix(NOSTR)
        if not update.name.startswith(NOSTR) or not is_ours(update.name):
            continue
        if entry := service.purgatory.pull(event_id, waiting=True):
            tips[event_id] = entry.commit
        elif event := service.stored_event(event_id):
            tips[event_id] = nip34.pull_tip(event)
    return tips


def _accepted(answer: bytes, updates: tuple[RefUpdate, ...]) -> tuple[RefUpdate, ...]:
    """The commands that git carried out; all of them when no report was asked for."""
    report = receive_pack.parse_report(answer)
    if report.unpack is None:
        return updates
    return tuple(u for u in updates if u.name in report.accepted)


def _remember(service: Service, coordinate: Coordinate, accepted: tuple[RefUpdate, ...]) -> None:
    """Placeholders for refs/nostr/<id> whose event nobody has seen yet."""
    for update in accepted:
        event_id = update.name.removeprefix(NOSTR)
        if not update.name.startswith(NOSTR) or service.store.has(event_id):
            continue
        if not update.deletes:
            service.purgatory.place(event_id, update.new, coordinate)
        elif not service.purgatory.pull(event_id, waiting=True):
            service.purgatory.drop_pull(event_id)
