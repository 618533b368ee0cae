"""Budgets and caps (§6), on servers of their own, with the clock in hand."""

from __future__ import annotations

from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlsplit

import websocket

from reconciler.conformance.people import NOW
from reconciler.conformance.relay import Relay
from reconciler.conformance.stage import Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, NGIT_3, RELAY, SPEC, all_of, row, some
from reconciler.nostr import kinds


def _burst(relay: Relay, stage: Stage, most: int = 70) -> tuple[int, str]:
    """How many events pass before the budget is empty, and what is said then."""
    for number in range(most):
        event = stage.person().sign(kinds.GRASP_LIST)
        accepted, message = relay.publish(event)
        if not accepted and message.startswith("rate-limited"):
            return number, message
    return most, ""


@row(
    "6-event-burst",
    {
        SPEC: (70, ""),
        NGIT: (60, "rate-limited: slow down"),
        RELAY: (15, "rate-limited: slow down, please"),
        KHATRU: (70, ""),
        GITEA: (70, ""),
    },
    guesses=(GITEA,),
)
def event_burst(stage: Stage) -> object:
    """events at once, and the answer beyond"""
    second = stage.other()
    found = _burst(second.relay, second)
    second.stop()
    return found


@row("6-event-refill", {NGIT: (29, 59), RELAY: (0, 3)})
def event_refill(stage: Stage) -> object:
    """events after 30 seconds, and after 180 more"""
    second = stage.other()
    _burst(second.relay, second)
    second.clock.advance(30)
    first = _burst(second.relay, second)[0]
    second.clock.advance(180)
    found = first, _burst(second.relay, second)[0]
    second.stop()
    return found


@row("6-sub-second", {NGIT: [False, False, True] * 2})
def sub_second(stage: Stage) -> object:
    """after the burst, one event every 0.9 s: which pass"""
    second = stage.other()
    _burst(second.relay, second)
    answers = []
    for _ in range(6):
        second.clock.advance(0.9)
        answers.append(second.accepts(second.person().sign(kinds.GRASP_LIST))[0])
    second.stop()
    return answers


@row("6-event-payer", {NGIT: True, RELAY: False}, read=(RELAY,))
def event_payer(stage: Stage) -> object:
    """a second connection has a budget of its own"""
    second = stage.other()
    _burst(second.relay, second)
    with second.connect() as other:
        found = _burst(other, second)[0] > 0
    second.stop()
    return found


@row(
    "6-subscriptions",
    all_of(["CLOSED", "rate-limited: too many REQs"], ngit_relay=["EOSE"], khatru=["EOSE"]),
    guesses=(GITEA,),
)
def subscriptions(stage: Stage) -> object:
    """the 501st subscription"""
    with stage.connect() as relay:
        for number in range(501):
            relay.send("REQ", str(number), {"kinds": [9]})
        while (message := relay.receive())[1] != "500":
            pass
        return [message[0], *message[2:]]


@row(
    "6-sub-id",
    all_of((False, False), ngit_grasp=(True, False), ngit_relay=(True, True), khatru=(True, True)),
    guesses=(GITEA,),
)
def sub_id(stage: Stage) -> object:
    """a subscription id of 65 and of 251 characters"""
    with stage.connect() as relay:
        found = []
        for size in (65, 251):
            relay.send("REQ", "s" * size, {"kinds": [9]})
            found.append(relay.receive()[0] == "EOSE")
        return tuple(found)


@row(
    "6-connections",
    {
        SPEC: (None, 101, 13),
        NGIT: (None, 101, 13),
        RELAY: ((2000, 10, 60), 429, 10),
        KHATRU: (None, 101, 13),
        GITEA: (None, 101, 13),
    },
    read=(NGIT, RELAY),
    guesses=(KHATRU, GITEA),
)
def connections(stage: Stage) -> object:
    """connections: the budget; the status beyond one of 12; how many a minute gives back"""
    budget, limits = stage.preset.limits.connections, stage.preset.limits
    small = replace(limits, connections=budget and replace(budget, burst=12))
    second = stage.other(family=replace(stage.preset, limits=small))
    statuses = [_connect(second) for _ in range(12)]  # the stage itself has one
    second.clock.advance(60)
    back = [_connect(second) for _ in range(13)].count(101)
    second.stop()
    return budget and (budget.burst, budget.refill, budget.seconds), statuses[-1], back


def _connect(stage: Stage) -> int:
    """The status of an upgrade."""
    try:
        with stage.connect():
            return 101
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code)


def _many(stage: Stage, count: int) -> Stage:
    """A plain pile of events behind the family's caps."""
    writer = stage.person()
    events = [writer.sign(kinds.NOTE, content=str(i), at=NOW + i) for i in range(count)]
    for event in events:
        stage.seed(event)
    return stage


@row(
    "6-req",
    {
        SPEC: (500, 500, 500),
        NGIT: (500, 600, 1001),
        NGIT_3: (500, 500, 500),
        RELAY: (250, 600, 250),
        KHATRU: (500, 500, 500),
        GITEA: (500, 500, 500),
    },
    read=(KHATRU,),
)
def req(stage: Stage) -> object:
    """events of a REQ without limit, with 600, and with 1001"""
    second = _many(stage.other(), 1002)
    found = tuple(
        len(second.ask(kinds=[kinds.NOTE], **more))
        for more in ({}, {"limit": 600}, {"limit": 1001})
    )
    second.stop()
    return found


@row("6-ids-close", all_of(False, ngit_grasp=True), guesses=(GITEA,))
def ids_close(stage: Stage) -> object:
    """a question for ids is closed once all were found"""
    owner = stage.person()
    stage.host(owner)
    (event,) = stage.ask(kinds=[kinds.ANNOUNCEMENT], authors=[owner.pubkey])
    with stage.connect() as relay:
        relay.send("REQ", "i", {"ids": [event.id]})
        relay.send("REQ", "end", {"kinds": [9]})
        kinds_seen = []
        while (message := relay.receive())[:2] != ["EOSE", "end"]:
            kinds_seen.append(message[0])
        return "CLOSED" in kinds_seen


@row("6-message-size", all_of(False, spec=True, ngit_grasp=True), guesses=(GITEA,))
def message_size(stage: Stage) -> object:
    """a message of 600,000 bytes"""
    event = stage.person().sign(kinds.GRASP_LIST, content="x" * 600_000)
    try:
        with stage.connect() as relay:
            return relay.publish(event)[0]
    except (websocket.WebSocketException, ConnectionError, ValueError):
        return False  # ValueError: the closing handshake reads as an empty message


@row("6-malformed", all_of(False, ngit_grasp=True, ngit_grasp_3=False), guesses=(GITEA,))
def malformed(stage: Stage) -> object:
    """a malformed message ends the connection"""
    with stage.connect() as relay:
        relay.socket.send("{")
        try:
            return relay.receive()[0] != "NOTICE"
        except (websocket.WebSocketException, ConnectionError, ValueError):
            return True


@row(
    "6-expired",
    all_of(
        ((False, "blocked: event is expired"), False),
        ngit_relay=((True, ""), True),
        khatru=((True, ""), True),
    ),
    guesses=(GITEA,),
)
def expired(stage: Stage) -> object:
    """an expired event (NIP-40): (the OK, is it served?)"""
    owner = stage.person()
    stage.host(owner)
    event = stage.person().sign(kinds.ISSUE, stage.about(owner), ("expiration", "1"))
    return stage.publish(event)[0], stage.serves(event)


@row("6-tags", all_of([False, False], ngit_relay=[True, True]), guesses=(GITEA,))
def tags(stage: Stage) -> object:
    """an issue of `x2` is found by #a and #d of `x`, though it has neither"""
    owner = stage.person()
    stage.host(owner)
    stage.host(owner, name=f"{stage.name}2")
    issue = stage.person().sign(kinds.ISSUE, stage.about(owner, f"{stage.name}2"))
    stage.publish(issue)
    _, address = stage.about(owner)
    return [issue in stage.ask(**{f"#{name}": [address]}) for name in "ad"]


@row("6-tag-until", all_of(False, ngit_relay=True), guesses=(GITEA,))
def tag_until(stage: Stage) -> object:
    """and `until` does not keep it out"""
    owner = stage.person()
    stage.host(owner)
    stage.host(owner, name=f"{stage.name}2")
    issue = stage.person().sign(kinds.ISSUE, stage.about(owner, f"{stage.name}2"), at=NOW + 5)
    stage.publish(issue)
    return issue in stage.ask(**{"#a": [stage.about(owner)[1]]}, until=NOW)


@row("6-tag-limit", all_of(["x"], ngit_relay=["xz"]), guesses=(GITEA,))
def tag_limit(stage: Stage) -> object:
    """of `x` and `xz`, which the question for the announcement of `x` finds"""
    owner, name = stage.person(), stage.name
    stage.host(owner)
    stage.host(owner, name=f"{name}z")
    question = {"kinds": [kinds.ANNOUNCEMENT], "authors": [owner.pubkey], "#d": [name]}
    return [(e.first("d") or "").replace(name, "x") for e in stage.ask(**question)]


@row(
    "6-tag-long",
    all_of([True, True], ngit_relay=[True, False]),
    guesses=(GITEA,),
    also={KHATRU: [True, False]},  # its LMDB store indexes no value above 100 characters
)
def tag_long(stage: Stage) -> object:
    """issues of repositories with identifiers of 29 and 30 characters are found by #a"""
    owner, found = stage.person(), []
    for size in (29, 30):
        name = stage.name.ljust(size, "x")
        stage.host(owner, name=name)
        issue = stage.person().sign(kinds.ISSUE, stage.about(owner, name))
        stage.publish(issue)
        found.append(issue in stage.ask(**{"#a": [stage.about(owner, name)[1]]}))
    return found


@row("6-count", all_of(True), guesses=(GITEA,))
def count(stage: Stage) -> object:
    """COUNT (NIP-45)"""
    return stage.relay.count({"kinds": [kinds.ANNOUNCEMENT]}) >= 0


@row("6-live", all_of(True))
def live(stage: Stage) -> object:
    """a new event reaches a subscriber"""
    owner = stage.person()
    stage.host(owner)
    issue = stage.person().sign(kinds.ISSUE, stage.about(owner))
    with stage.connect() as relay:
        relay.send("REQ", "live", {"kinds": [kinds.ISSUE], "authors": [issue.pubkey]})
        assert relay.receive()[0] == "EOSE"
        stage.publish(issue)
        return relay.receive()[2]["id"] == issue.id


@row("6-body", some(413, RELAY, GITEA))
def body(stage: Stage) -> object:
    """a push body above the family's limit is refused by its length"""
    owner, most = stage.person(), {RELAY: 2**30, GITEA: 256 * 2**20}[stage.family]
    stage.host(owner)
    parts = urlsplit(f"{stage.url(owner)}/git-receive-pack")
    connection = HTTPConnection(parts.netloc, timeout=5)
    connection.putrequest("POST", parts.path)
    connection.putheader("Content-Type", "application/x-git-receive-pack-request")
    connection.putheader("Content-Length", str(most + 1))
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
