"""A remote signer (NIP-46) that does what a test says, on a real relay. Its cryptography is
nostr-sdk's, so that ours is not judged by itself."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nostr_sdk
import websocket

KIND = 24133
Json = dict[str, Any]


@dataclass
class Bunker:
    """`play` answers one request with what is to be sent, in order; by default it approves all."""

    relay: str
    keys: nostr_sdk.Keys = field(default_factory=nostr_sdk.Keys.generate)
    user: nostr_sdk.Keys = field(default_factory=nostr_sdk.Keys.generate)
    secret: str = "only-once"
    play: Callable[[Bunker, Json, str], Iterable[str]] | None = None
    requests: list[Json] = field(default_factory=list)

    @property
    def pubkey(self) -> str:
        """Who answers."""
        return str(self.keys.public_key().to_hex())

    @property
    def signs_for(self) -> str:
        """Whose signature it gives."""
        return str(self.user.public_key().to_hex())

    @property
    def uri(self) -> str:
        """What a person copies."""
        return f"bunker://{self.pubkey}?relay={self.relay}&secret={self.secret}"

    def __enter__(self) -> Bunker:
        self._socket = websocket.create_connection(self.relay, timeout=20)
        wanted = {"kinds": [KIND], "#p": [self.pubkey]}
        self._socket.send(json.dumps(["REQ", "b", wanted]))
        while json.loads(self._socket.recv())[0] != "EOSE":
            pass
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(5)

    def send(self, *events: str) -> None:
        """Events as JSON, to the relay."""
        for event in events:
            self._socket.send(f'["EVENT",{event}]')

    def accept(self, invitation: str, **changed: Any) -> None:
        """Answer a `nostrconnect://` string."""
        parts = urlsplit(invitation)
        query = parse_qs(parts.query)
        request = {"id": "any", "method": "connect", "params": []}
        result = changed.pop("result", query["secret"][0])
        self.send(self.answer(request, parts.netloc, result=result, **changed))

    def answer(self, request: Json, client: str, **changed: Any) -> str:
        """The right answer to a request, with what a test changes: fields of the body (`id`,
        `result`, `error`), or of the event (`by`, `kind`, `to`, `at`, `content`)."""
        body = {"id": request["id"], "result": self.result(request), "error": None}
        body |= {k: v for k, v in changed.items() if k in body}
        if "body" in changed:
            body = changed["body"]
        text = changed.get("text", json.dumps(body))
        by: nostr_sdk.Keys = changed.get("by", self.keys)
        reader = nostr_sdk.PublicKey.parse(changed.get("reader", client))
        version = nostr_sdk.Nip44Version.V2
        content = nostr_sdk.nip44_encrypt(by.secret_key(), reader, text, version)
        content = changed.get("content", content)
        builder = nostr_sdk.EventBuilder(nostr_sdk.Kind(changed.get("kind", KIND)), content)
        tags = changed.get("tags", [["p", changed.get("to", client)]])
        builder = builder.tags([nostr_sdk.Tag.parse(tag) for tag in tags])
        at = changed.get("at", int(time.time()))
        return str(
            builder.custom_created_at(nostr_sdk.Timestamp.from_secs(at)).finalize(by).as_json()
        )

    def result(self, request: Json) -> str:
        """What an honest signer says."""
        match request["method"]:
            case "connect":
                return "ack"
            case "get_public_key":
                return self.signs_for
        return self.signed(json.loads(request["params"][0]))

    def signed(self, fields: Json, **changed: Any) -> str:
        """The event of these fields, signed; with what a test changes."""
        fields = fields | changed
        builder = nostr_sdk.EventBuilder(nostr_sdk.Kind(fields["kind"]), fields["content"])
        builder = builder.tags([nostr_sdk.Tag.parse(tag) for tag in fields["tags"]])
        at = nostr_sdk.Timestamp.from_secs(fields["created_at"])
        keys = changed.get("keys", self.user)
        return str(builder.custom_created_at(at).finalize(keys).as_json())

    def _live(self) -> None:
        try:
            while True:
                match json.loads(self._socket.recv()):
                    case ["EVENT", _, event]:
                        self._hear(event)
        except (websocket.WebSocketException, OSError, ValueError):
            return

    def _hear(self, event: Json) -> None:
        client = event["pubkey"]
        author = nostr_sdk.PublicKey.parse(client)
        text = nostr_sdk.nip44_decrypt(self.keys.secret_key(), author, event["content"])
        request = json.loads(text)
        self.requests.append(request)
        if self.play is None:
            self.send(self.answer(request, client))
        else:
            self.send(*self.play(self, request, client))
