"""What the relay says of itself and who it knows (§5): NIP-11, NIP-42, NIP-70, NIP-77."""

from __future__ import annotations

import json

import websocket

from reconciler.conformance.people import Person
from reconciler.conformance.stage import Stage
from reconciler.conformance.table import GITEA, KHATRU, NGIT, NGIT_3, RELAY, SPEC, all_of, row
from reconciler.nostr import kinds
from reconciler.nostr.event import Event

KHATRU_AUTH = "auth-required: must be published by authenticated event author"


@row(
    "5-software",
    {
        SPEC: ("sandbox-spec", "1.0.0"),
        NGIT: ("ngit-grasp", "1.0.2-30c47f3"),
        NGIT_3: ("ngit-grasp", "3.0.5"),
        RELAY: ("ngit-relay", "0.0.2-5e5c51b"),
        KHATRU: ("nak", "v0.17.3"),
        GITEA: ("grasp-gitea", "1.0.0"),
    },
    also={KHATRU: ("khatru", "n/a")},
)
def software(stage: Stage) -> object:
    """software and version"""
    body = stage.info().json()
    return body["software"].rpartition("/")[2], body["version"]


@row("5-limitation", all_of(None, spec=500, ngit_grasp_3=500), guesses=(GITEA,))
def limitation(stage: Stage) -> object:
    """`limitation` and its max_limit"""
    return stage.info().json().get("limitation", {}).get("max_limit")


@row("5-criteria", {SPEC: False, NGIT: True, NGIT_3: False, GITEA: False})
def criteria(stage: Stage) -> object:
    """the text "None" is what repo_acceptance_criteria says"""
    return stage.info().json()["repo_acceptance_criteria"] == "None"


@row("5-restricted", all_of(False, ngit_grasp_3=True))
def restricted(stage: Stage) -> object:
    """`limitation` says that not everybody may write"""
    return stage.info().json().get("limitation", {}).get("restricted_writes", False)


@row("5-accept", all_of(True, ngit_relay=False, khatru=False), guesses=(GITEA,))
def accept(stage: Stage) -> object:
    """an Accept header with more than one type"""
    answer = stage.info(Accept="application/nostr+json, */*")
    return answer.headers["Content-Type"].startswith("application/nostr+json")


@row(
    "5-any-path",
    all_of((True, True), spec=(False, False), ngit_grasp_3=(False, False), gitea=(False, False)),
    guesses=(GITEA,),
)
def any_path(stage: Stage) -> object:
    """the document and the relay at any path"""
    answer = stage.get("/some/where", Accept="application/nostr+json")
    document = answer.headers["Content-Type"].startswith("application/nostr+json")
    try:
        websocket.create_connection(f"{stage.server.relay_url}/some/where", timeout=5).close()
    except websocket.WebSocketBadStatusException:
        return document, False
    return document, True


@row("5-upgrade", all_of(True, ngit_grasp=False), guesses=(GITEA,))
def upgrade(stage: Stage) -> object:
    """an upgrade whose Connection header says more"""
    headers = ["Connection: keep-alive, Upgrade"]
    try:
        socket = websocket.create_connection(
            stage.server.relay_url, timeout=5, connection="Connection: keep-alive, Upgrade"
        )
    except websocket.WebSocketBadStatusException:
        return not headers
    socket.close()
    return True


@row("5-negentropy", all_of(False, spec=True, ngit_grasp=True))
def negentropy(stage: Stage) -> object:
    """NIP-77: is NEG-OPEN answered?"""
    with stage.connect() as relay:
        relay.send("NEG-OPEN", "n", {"kinds": [9]}, "61")
        return relay.receive()[0].startswith("NEG-")


@row(
    "5-protected",
    {
        SPEC: ("auth-required: this event may only be published by its author", True),
        NGIT: ("auth-required: you must auth", True),
        RELAY: (KHATRU_AUTH, True),
        KHATRU: (KHATRU_AUTH, True),
        GITEA: ("blocked: event marked as protected", False),
    },
    guesses=(GITEA,),
)
def protected(stage: Stage) -> object:
    """NIP-70: the OK to a stranger, and a challenge"""
    event = _protected(stage, stage.person())
    with stage.connect() as relay:
        relay.send("EVENT", event.to_json())
        messages = [relay.receive()]
        while messages[-1][0] != "OK":
            messages.append(relay.receive())
    assert messages[-1][2] is False
    return messages[-1][3], messages[0][0] == "AUTH"


@row("5-authenticated", all_of(True, ngit_relay=False, gitea=False), guesses=(GITEA,))
def authenticated(stage: Stage) -> object:
    """NIP-42: the author proves itself, at the announced URL with its port, and publishes it"""
    return _after_auth(stage, stranger=False)


@row("5-auth-stranger", all_of(False))
def auth_stranger(stage: Stage) -> object:
    """NIP-42: somebody else's proof does not help"""
    return _after_auth(stage, stranger=True)


@row("5-metrics", all_of(True, ngit_relay=False, khatru=False), guesses=(GITEA,))
def metrics(stage: Stage) -> object:
    """figures for Prometheus"""
    return "ngit_websocket_connections_total" in stage.get("/metrics").text


def _protected(stage: Stage, writer: Person) -> Event:
    owner = stage.person()
    stage.host(owner)
    return writer.sign(kinds.ISSUE, stage.about(owner), ("-",))


def _after_auth(stage: Stage, *, stranger: bool) -> bool:
    writer = stage.person()
    event = _protected(stage, writer)
    prover = stage.person() if stranger else writer
    with stage.connect() as relay:
        relay.send("EVENT", event.to_json())
        challenge = ""
        while (message := relay.receive())[0] != "OK":
            challenge = message[1]
        tags = ("relay", stage.server.relay_url), ("challenge", challenge)
        proof = prover.sign(22_242, *tags, at=int(stage.clock()))
        relay.socket.send(json.dumps(["AUTH", proof.to_json()]))
        relay.receive()
        return relay.publish(event)[0]


@row("5-grasps", {SPEC: ["GRASP-01", "GRASP-05"], NGIT: ["GRASP-01", "GRASP-05", "GRASP-02"]})
def grasps(stage: Stage) -> object:
    """supported_grasps of an archive"""
    second = stage.archive(everything=True)
    found = second.info().json()["supported_grasps"]
    second.stop()
    return found
