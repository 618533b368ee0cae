"""The hunt for git data: real git servers, a clock that the test moves."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from reconciler.nostr import kinds, urls
from reconciler.nostr.event import Event
from reconciler.nostr.filters import Filter
from reconciler.sandbox.server import RunningServer
from reconciler.sandbox.waiting.parked import Everything
from tests.kit.git import Work
from tests.kit.odd import Meter
from tests.kit.patience import eventually, never
from tests.kit.servers import (
    ALICE,
    BOB,
    NOW,
    Fleet,
    Person,
    announce,
    has,
    head,
    hosted,
    put,
    remote_refs,
)

MAIN = "refs/heads/main"
CLIENT_DELAY = 180


def stock(
    server: RunningServer, work: Work, owner: Person, identifier: str, refs: dict[str, str], at: int
) -> None:
    """Let a server hold these refs and nothing else of the repository."""
    put(server, announce(owner, identifier, server), owner.state(identifier, refs, at=at))
    specs = [f"{oid}:{name}" for name, oid in refs.items()]
    assert work.push(server, owner, identifier, *specs)


def waiting(
    hunter: RunningServer, identifier: str, commit: str, *clone: str, at: int = NOW
) -> tuple[Event, Event]:
    """An announcement with these clone URLs, and a state that waits for its data."""
    announcement = announce(ALICE, identifier, hunter, clone=clone, at=at)
    state = ALICE.state(identifier, {MAIN: commit}, at=at)
    put(hunter, announcement, state)
    return announcement, state


def failed(hunter: RunningServer, tries: int) -> None:
    """Wait until that many fetches have failed, and their hunts have ended."""
    eventually(lambda: hunter.figures().failed_fetches == tries)
    eventually(lambda: not hunter.figures().hunts_running)


def at(source: str, identifier: str, owner: Person = ALICE) -> str:
    return urls.clone(source, owner.pubkey, identifier)


@pytest.fixture
def hunter(fleet: Fleet) -> RunningServer:
    return fleet.start("hunter", sync=True)


@pytest.fixture
def empty(fleet: Fleet) -> RunningServer:
    """A server that hosts nothing: every fetch ends with 404."""
    return fleet.start("empty")


@pytest.fixture
def meter(fleet: Fleet, empty: RunningServer) -> Iterator[Meter]:
    with Meter(empty.url, fleet.clock) as found:
        yield found


def test_objects_on_three_servers_are_gathered_on_a_fourth(
    fleet: Fleet, hunter: RunningServer, work: Work
) -> None:
    refs = {f"refs/heads/{name}": work.commit(name) for name in ("main", "next", "old")}
    sources = [fleet.start(name) for name in ("one", "two", "three")]
    for number, (source, (name, oid)) in enumerate(zip(sources, refs.items(), strict=True)):
        stock(source, work, ALICE, "widget", {name: oid}, NOW + number)
    announcement = announce(ALICE, "widget", *sources, hunter)
    state = ALICE.state("widget", refs, at=NOW + 10)
    put(hunter, announcement, state)
    never(lambda: hunter.figures().fetches, 0.3)  # a push may still come
    fleet.clock.advance(CLIENT_DELAY)
    eventually(lambda: has(hunter, announcement, state))
    found = remote_refs(hunter, ALICE, "widget")
    assert {name: found[name] for name in refs} == refs
    eventually(lambda: hunter.figures().hunts == 0)
    assert hunter.figures().fetches == 3


def test_a_source_that_has_little_is_not_asked_object_by_object(
    fleet: Fleet, hunter: RunningServer, work: Work
) -> None:
    """Each object that a source refuses costs a fetch, so after two its refs are read instead."""
    refs = {f"refs/heads/b{n}": work.commit(str(n)) for n in range(10)}
    refs[MAIN] = work.commit("main")
    little, rest = fleet.start("little"), fleet.start("rest")
    stock(little, work, ALICE, "widget", {MAIN: refs[MAIN]}, NOW)
    others = {name: oid for name, oid in refs.items() if name != MAIN}
    stock(rest, work, ALICE, "widget", others, NOW + 1)
    before = little.counters.info_refs
    state = ALICE.state("widget", refs, at=NOW + 10)
    put(hunter, announce(ALICE, "widget", little, rest, hunter), state)
    fleet.clock.advance(CLIENT_DELAY)
    eventually(lambda: has(hunter, state))
    assert little.counters.info_refs - before <= 4


def test_a_pull_request_is_fetched_from_its_own_clone_url(
    fleet: Fleet, hunter: RunningServer, work: Work
) -> None:
    forks = fleet.start("forks")
    main = hosted(hunter, work, ALICE, "widget")
    change = work.commit("change", main)
    stock(forks, work, BOB, "fork", {MAIN: change}, NOW)
    address = f"{kinds.ANNOUNCEMENT}:{ALICE.pubkey}:widget"
    clone = ("clone", "ssh://nowhere", at(forks.url, "fork", BOB))
    pull = BOB.sign(kinds.PULL_REQUEST, ("a", address), ("c", change), clone)
    put(hunter, pull)
    assert not has(hunter, pull)
    fleet.clock.advance(CLIENT_DELAY)
    eventually(lambda: has(hunter, pull))
    assert remote_refs(hunter, ALICE, "widget")[f"refs/nostr/{pull.id}"] == change


def test_the_waits_are_3_minutes_then_20_40_80_and_120_seconds(
    fleet: Fleet, hunter: RunningServer, meter: Meter, work: Work
) -> None:
    waiting(hunter, "widget", work.commit("nowhere"), at(meter.url, "widget"))
    for tries, gap in enumerate((CLIENT_DELAY, 20, 40, 80, 120, 120)):
        fleet.clock.advance(gap - 1.5)
        never(lambda: hunter.figures().hunts_running, 0.15)
        assert len(meter.starts) == tries
        fleet.clock.advance(1.5)
        failed(hunter, tries + 1)
    assert len(meter.starts) == 6


def test_a_new_event_starts_afresh(
    fleet: Fleet, hunter: RunningServer, meter: Meter, work: Work
) -> None:
    waiting(hunter, "widget", work.commit("nowhere"), at(meter.url, "widget"))
    for tries, gap in enumerate((CLIENT_DELAY, 20, 40)):
        fleet.clock.advance(gap)
        failed(hunter, tries + 1)
    put(hunter, ALICE.state("widget", {MAIN: work.commit("new")}, at=NOW + 1))
    fleet.clock.advance(80)  # what was due anyway
    failed(hunter, 4)
    fleet.clock.advance(20)  # and not 120
    failed(hunter, 5)


def test_after_30_minutes_nobody_looks_any_more(
    fleet: Fleet, hunter: RunningServer, meter: Meter, empty: RunningServer, work: Work
) -> None:
    commit = work.commit("late")
    _, state = waiting(hunter, "widget", commit, at(meter.url, "widget"))
    fleet.clock.advance(CLIENT_DELAY)
    failed(hunter, 1)
    fleet.clock.advance(1800 - CLIENT_DELAY)
    eventually(lambda: hunter.figures().hunts == 0)
    stock(empty, work, ALICE, "widget", {MAIN: commit}, NOW)
    fleet.clock.advance(1000)
    never(lambda: len(meter.starts) > 1 or has(hunter, state))


def test_no_domain_bears_more_than_5_at_a_time_and_30_a_minute(
    fleet: Fleet, hunter: RunningServer, empty: RunningServer, work: Work
) -> None:
    commit = work.commit("nowhere")
    with Meter(empty.url, fleet.clock, delay=0.1) as meter, Meter(empty.url, fleet.clock) as other:
        for number in range(40):
            waiting(hunter, f"w{number}", commit, at(meter.url, f"w{number}"))
        waiting(hunter, "alone", commit, at(other.url, "alone"))
        fleet.clock.advance(CLIENT_DELAY)
        eventually(lambda: len(meter.starts) == 30)
        eventually(lambda: len(other.starts) == 1)  # the other domain waits for nothing
        assert meter.most == 5
        domain = f"127.0.0.1:{meter.port}"
        eventually(lambda: dict(hunter.figures().throttled) == {domain: 10})
        never(lambda: len(meter.starts) > 30, 0.4)
        fleet.clock.advance(61)
        eventually(lambda: len(meter.starts) >= 40)
        assert meter.most == 5
        assert meter.busiest_minute() <= 30


def test_a_repository_with_many_urls_does_not_starve_the_others(
    fleet: Fleet, hunter: RunningServer, empty: RunningServer, work: Work
) -> None:
    commit = work.commit("nowhere")
    with Meter(empty.url, fleet.clock, delay=0.1) as meter:
        waiting(hunter, "big", commit, *(at(meter.url, f"b{n}") for n in range(45)))
        fleet.clock.advance(CLIENT_DELAY - 10)
        for name in ("small", "tiny"):
            waiting(hunter, name, commit, at(meter.url, name))
        fleet.clock.advance(10)
        eventually(lambda: len(meter.paths) >= 5)  # the big one's; 40 more are queued
        fleet.clock.advance(CLIENT_DELAY - 10)
        before = len(meter.paths)
        eventually(lambda: all(any(n in p for p in meter.paths) for n in ("small", "tiny")))
        last = max(n for n, path in enumerate(meter.paths) if "/b" not in path)
        assert before < 20
        assert last - before < 15, "two turns, and not a queue of 40"


def test_nothing_is_asked_after_the_push_came(
    fleet: Fleet, hunter: RunningServer, meter: Meter, work: Work
) -> None:
    commit = work.commit("main")
    _, state = waiting(hunter, "widget", commit, at(meter.url, "widget"))
    assert work.push(hunter, ALICE, "widget", f"{commit}:{MAIN}")
    assert has(hunter, state)
    fleet.clock.advance(CLIENT_DELAY)
    eventually(lambda: hunter.figures().hunts == 0)
    assert not meter.starts


def test_a_source_that_hangs_does_not_stop_the_next(
    fleet: Fleet, hunter: RunningServer, work: Work
) -> None:
    good = fleet.start("good")
    commit = work.commit("main")
    stock(good, work, ALICE, "widget", {MAIN: commit}, NOW)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        clones = (at(hanging, "widget"), at(good.url, "widget"))
        _, state = waiting(hunter, "widget", commit, *clones)
        fleet.clock.advance(CLIENT_DELAY)
        eventually(lambda: has(hunter, state))


def test_a_hostile_clone_url_is_never_dialled(
    fleet: Fleet, hunter: RunningServer, work: Work
) -> None:
    """The local repository has the commit: were its path opened, the state would be served."""
    commit = work.commit("main")
    hostile = (
        f"file://{work.path}",
        str(work.path),
        "ssh://git@127.0.0.1/widget.git",
        "git://127.0.0.1/widget.git",
        f"ext::sh -c cat% {work.path}",
        "--upload-pack=true",
        "http://10.255.255.1/widget.git",
        "http://169.254.169.254/widget.git",
        f"http://localhost:{hunter.url.rpartition(':')[2]}/widget.git",
        f"{hunter.url}/widget.git",
    )
    _, state = waiting(hunter, "widget", commit, *hostile)
    fleet.clock.advance(CLIENT_DELAY)
    # one more: the listed clone URL of this very server
    eventually(lambda: hunter.figures().sources_refused == len(hostile) + 1)
    assert hunter.counters.info_refs == 0
    assert (hunter.figures().fetches, hunter.figures().failed_fetches) == (0, 0)
    assert not has(hunter, state)


def test_a_redirect_is_not_followed(fleet: Fleet, hunter: RunningServer, work: Work) -> None:
    good = fleet.start("good")
    commit = work.commit("main")
    stock(good, work, ALICE, "widget", {MAIN: commit}, NOW)
    asked = good.counters.info_refs
    with socket.create_server(("127.0.0.1", 0)) as sly:
        where = f"http://127.0.0.1:{sly.getsockname()[1]}"
        _, state = waiting(hunter, "widget", commit, at(where, "widget"))
        fleet.clock.advance(CLIENT_DELAY)
        peer, _ = sly.accept()
        with peer:
            peer.recv(4096)
            target = f"{at(good.url, 'widget')}/info/refs?service=git-upload-pack"
            answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            peer.sendall(answer.encode())
        eventually(lambda: hunter.figures().failed_fetches == 1)
    assert good.counters.info_refs == asked
    assert not has(hunter, state)


def test_hunts_go_on_after_a_restart(fleet: Fleet, hunter: RunningServer, work: Work) -> None:
    good = fleet.start("good")
    commit = work.commit("main")
    _, state = waiting(hunter, "widget", commit, at(good.url, "widget"))
    hunter.stop()
    stock(good, work, ALICE, "widget", {MAIN: commit}, NOW)
    again = fleet.start("hunter", sync=True, port=int(hunter.url.rpartition(":")[2]))
    fleet.clock.advance(1)
    eventually(lambda: has(again, state))


def test_many_events_that_nobody_has_data_for_leave_nothing(
    fleet: Fleet, hunter: RunningServer, meter: Meter, work: Work
) -> None:
    commit = work.commit("nowhere")
    before = hunter.figures()
    announcement, _ = waiting(hunter, "w0", commit, at(meter.url, "w0"))
    put(hunter, *(ALICE.state("w0", {MAIN: commit}, at=NOW + n) for n in range(1, 200)))
    assert hunter.figures().hunts == 1, "one hunt a repository, however many events"
    fleet.clock.advance(1801)
    eventually(lambda: hunter.figures().hunts == 0)
    fleet.clock.advance(86_400)
    eventually(lambda: hunter._service.purgatory.everything() == Everything())
    eventually(lambda: hunter.figures().indexed == before.indexed)
    assert not has(hunter, announcement)


@pytest.mark.parametrize("family", ["ngit-relay", "khatru"])
def test_families_without_purgatory_fetch_what_their_served_states_name(
    fleet: Fleet, work: Work, family: str
) -> None:
    """The events are served at once, and the refs follow: new ones, moved ones, deleted ones."""
    one = fleet.start("one")
    two = fleet.start("two", sync=True, bootstrap=one.relay_url, family=family)
    first = work.commit("first")
    second = work.commit("second", first)
    refs = {MAIN: first, "refs/heads/old": first, "refs/tags/v1": first}
    put(one, announce(ALICE, "widget", one, two), ALICE.state("widget", refs))
    assert work.push(one, ALICE, "widget", *(f"{oid}:{name}" for name, oid in refs.items()))
    eventually(lambda: heads_and_tags(two) == refs)
    assert head(two, ALICE, "widget") == "main"
    eventually(lambda: two.figures().hunts == 0)
    refs = {MAIN: second, "refs/tags/v1": first}
    put(one, ALICE.state("widget", refs, at=NOW + 1))
    assert work.push(one, ALICE, "widget", f"{second}:{MAIN}")
    eventually(lambda: heads_and_tags(two) == refs)
    assert two.counters.pushes_received == two.counters.events_received == 0
    eventually(lambda: two.figures().hunts == 0)


def heads_and_tags(server: RunningServer) -> dict[str, str]:
    if not server.repo_path(ALICE.pubkey, "widget").exists():
        return {}
    found = remote_refs(server, ALICE, "widget")
    return {name: oid for name, oid in found.items() if name.startswith("refs/")}


def test_khatru_makes_no_repository_for_what_is_announced_for_others(
    fleet: Fleet, work: Work
) -> None:
    """It stores everybody's announcements, and would become everybody's mirror."""
    one = fleet.start("one")
    two = fleet.start("two", sync=True, bootstrap=one.relay_url, family="khatru")
    commit = hosted(one, work, ALICE, "widget")
    state = one.events(Filter(kinds=(kinds.STATE,)))
    eventually(lambda: has(two, *state))
    stock(one, work, BOB, "ours", {MAIN: commit}, NOW)
    put(one, announce(BOB, "ours", one, two, at=NOW + 1))
    eventually(lambda: two.repo_path(BOB.pubkey, "ours").exists())
    eventually(lambda: two.figures().hunts == 0)
    assert not two.repo_path(ALICE.pubkey, "widget").exists()


@pytest.mark.parametrize(
    ("family", "created", "seconds"),
    [("ngit-relay", 1, 60), ("khatru", CLIENT_DELAY, CLIENT_DELAY)],
)
def test_the_client_of_a_family_without_purgatory_has_time_to_push(
    fleet: Fleet, meter: Meter, work: Work, family: str, created: float, seconds: float
) -> None:
    hunter = fleet.start("hunter", sync=True, family=family)
    commit = work.commit("nowhere")
    put(hunter, announce(ALICE, "widget", hunter, clone=(at(meter.url, "widget"),)))
    eventually(lambda: hunter.figures().hunts == 1)
    fleet.clock.advance(created)
    eventually(lambda: hunter.figures().hunts == 0)  # no state names any data yet
    put(hunter, ALICE.state("widget", {MAIN: commit}))
    eventually(lambda: hunter.figures().hunts == 1)  # its time counts from then on
    fleet.clock.advance(seconds - 2)
    never(lambda: meter.starts, 0.3)
    fleet.clock.advance(2)
    failed(hunter, 1)


def test_ngit_relay_looks_again_every_15_minutes(
    fleet: Fleet, meter: Meter, empty: RunningServer, work: Work
) -> None:
    """Longer than any hunt lasts."""
    hunter = fleet.start("hunter", sync=True, family="ngit-relay")
    commit = work.commit("late")
    clone = (at(meter.url, "widget"),)
    put(hunter, announce(ALICE, "widget", hunter, clone=clone))
    put(hunter, ALICE.state("widget", {MAIN: commit}))
    fleet.clock.advance(60)
    failed(hunter, 1)
    asked = len(meter.starts)
    fleet.clock.advance(4000)
    eventually(lambda: len(meter.starts) > asked)
    stock(empty, work, ALICE, "widget", {MAIN: commit}, NOW)
    fleet.clock.advance(900)
    eventually(lambda: heads_and_tags(hunter) == {MAIN: commit})
