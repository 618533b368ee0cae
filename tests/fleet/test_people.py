"""Who speaks for a repository, on real servers: invitations that lead to further invitations."""

from __future__ import annotations

from reconciler.nostr import kinds
from reconciler.nostr.event import Event
from reconciler.sandbox.demo import authors, history
from reconciler.sandbox.demo.authors import Author, new
from tests.kit.program import DAY, Case


def invite(case: Case, who: Author, *others: Author) -> Event:
    """An announcement of `widget` by somebody who lists others."""
    places = [server.url for server in case.servers.values()]
    plain = authors.announce(who, "widget", places, at=case.now - 5 * DAY, root="0" * 40)
    listed = ("maintainers", *(person.pubkey for person in others))
    return who.sign(kinds.ANNOUNCEMENT, (*plain.tags, listed), at=case.now - 5 * DAY)


def test_a_maintainer_of_a_maintainer_moves_refs(case: Case) -> None:
    case.start("one", "two", family="spec")
    alice, bob, carol = case.owner, new("bob"), new("carol")
    case.repository("widget", on=[])
    family = [invite(case, alice, bob), invite(case, bob, alice, carol), invite(case, carol, bob)]
    case.host("widget", family[0], ["one"], at=case.now - 4 * DAY)
    history.extend(case.sources["widget"], 5)
    refs = history.refs(case.sources["widget"])
    state = authors.declare(carol, "widget", refs, at=case.now - 3 * DAY)
    url = case.servers["one"].url
    assert all(ok.accepted for ok in history.send(url, [*family[1:], state]))
    history.push(case.sources["widget"], url, alice.pubkey, "widget", refs)
    case.desired()
    done = case.reconcile("--apply")
    assert case.refs("two", "widget") == refs
    (repository,) = done.report["repositories"]
    assert repository["state"] == state.id
    assert set(repository["authority"]) == {alice.pubkey, bob.pubkey, carol.pubkey}
