"""People with keys of their own, who sign with nostr-sdk: no code of ours is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nostr_sdk

JsonEvent = dict[str, Any]
ANNOUNCEMENT, STATE, PULL, ISSUE, COMMENT, DELETION = 30617, 30618, 1618, 1621, 1111, 5
LABEL, REACTION, CLOSED, OPEN = 1985, 7, 1632, 1630


@dataclass(frozen=True)
class Outsider:
    """Somebody with a fresh key; `signs` is whether the desired state names it as a signer."""

    name: str
    signs: bool = True
    keys: nostr_sdk.Keys = field(default_factory=nostr_sdk.Keys.generate, repr=False)

    @property
    def pubkey(self) -> str:
        """Hex."""
        return str(self.keys.public_key().to_hex())

    @property
    def npub(self) -> str:
        """bech32."""
        return str(self.keys.public_key().to_bech32())

    @property
    def nsec(self) -> str:
        """bech32; for key files and ngit only."""
        return str(self.keys.secret_key().to_bech32())

    def sign(
        self, kind: int, tags: Iterable[tuple[str, ...]], *, at: int, content: str = ""
    ) -> JsonEvent:
        """An event."""
        builder = nostr_sdk.EventBuilder(nostr_sdk.Kind(kind), content)
        builder = builder.tags([nostr_sdk.Tag.parse(list(tag)) for tag in tags])
        builder = builder.custom_created_at(nostr_sdk.Timestamp.from_secs(at))
        found: JsonEvent = json.loads(builder.finalize(self.keys).as_json())
        return found

    def announce(
        self,
        identifier: str,
        hosts: Iterable[str],
        *maintainers: Outsider,
        at: int,
        extra: Iterable[tuple[str, ...]] = (),
    ) -> JsonEvent:
        """An announcement that lists these servers (`host:port`)."""
        hosts = tuple(hosts)
        tags: list[tuple[str, ...]] = [
            ("d", identifier),
            ("name", identifier),
            ("clone", *(f"http://{h}/{self.npub}/{identifier}.git" for h in hosts)),
            ("relays", *(f"ws://{h}" for h in hosts)),
        ]
        if maintainers:
            tags.append(("maintainers", *(m.pubkey for m in maintainers)))
        return self.sign(ANNOUNCEMENT, [*tags, *extra], at=at)

    def declare(
        self, identifier: str, refs: Mapping[str, str], *, at: int, head: str = "refs/heads/main"
    ) -> JsonEvent:
        """A state."""
        tags = [("d", identifier), *refs.items(), ("HEAD", f"ref: {head}")]
        return self.sign(STATE, tags, at=at)

    def address(self, identifier: str) -> str:
        """The repository's coordinate."""
        return f"{ANNOUNCEMENT}:{self.pubkey}:{identifier}"


def verified(raw: JsonEvent) -> bool:
    """Id and signature, judged by nostr-sdk."""
    try:
        return bool(nostr_sdk.Event.from_json(json.dumps(raw)).verify())
    except nostr_sdk.NostrSdkError:
        return False
