"""Pairing with a remote signer: by its string, or by ours."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from reconciler.errors import NotSigned
from reconciler.limits import MEETING_SECONDS
from reconciler.nostr import bip340
from reconciler.nostr.event import Event, is_hex32
from reconciler.nostr.strictjson import dumps
from reconciler.sign.bunker.dialogue import Answer, Dialogue, Request
from reconciler.sign.bunker.pairing import Pairing
from reconciler.sign.bunker.signer import Wire, answers
from reconciler.sign.bunker.uri import NAME, PERMISSIONS, Bunker, invitation
from reconciler.sign.nip44 import NONCE_BYTES
from reconciler.sign.secret import Secret

_ID_BYTES = 16


def new_client() -> Secret:
    """A key for one pairing."""
    while True:
        data = secrets.token_bytes(32)
        try:
            bip340.public_key(data)
        except ValueError:  # about once in 2^128
            continue
        return Secret(data)


def meet(bunker: Bunker, wire: Wire, *, seconds: float = MEETING_SECONDS) -> Pairing:
    """Answer a `bunker://` string.

    Raises:
        NotSigned: the signer refused, or did not answer in time.
        ReconcileError: no relay could be reached.
    """
    client = new_client()
    dialogue = Dialogue(client, bunker.remote)
    params = (bunker.remote, bunker.secret, PERMISSIONS, dumps({"name": NAME}))
    said = _asked(dialogue, wire, "connect", params, seconds)
    # NIP-46: "ack", or the secret; both are in use
    if said not in ("ack", bunker.secret):
        raise NotSigned("the signer answered something else than yes")
    return _paired(client, dialogue, wire, bunker.relays, seconds)


def invite(
    relays: tuple[str, ...],
    wire: Wire,
    show: Callable[[str], None],
    *,
    seconds: float = MEETING_SECONDS,
) -> Pairing:
    """Show a `nostrconnect://` string, and wait for who answers it.

    Args:
        relays: canonical web URLs.
        wire: to them.
        show: is given the string, which holds a secret for this one pairing.
        seconds: how long to wait.

    Raises:
        NotSigned: nobody answered in time.
        ReconcileError: no relay could be reached.
    """
    client, secret = new_client(), secrets.token_urlsafe(16)
    dialogue = Dialogue(client, None, secret=secret)
    text, began = invitation(dialogue.client, relays, secret), _now()

    def hear(event: Event) -> bool:
        return dialogue.hear(event, now=_now()) is not None

    wanted = answers(dialogue.client, since=began - 60)
    # shown when somebody listens: an answer that comes before is lost
    wire.exchange(wanted, (), hear, seconds=seconds, ready=lambda: show(text))
    if dialogue.remote is None:
        raise NotSigned("nobody answered in time")
    return _paired(client, dialogue, wire, relays, seconds)


def _paired(
    client: Secret, dialogue: Dialogue, wire: Wire, relays: tuple[str, ...], seconds: float
) -> Pairing:
    user = _asked(dialogue, wire, "get_public_key", (), seconds)
    if not is_hex32(user):
        raise NotSigned("the signer names no public key")
    return Pairing(client=client, remote=dialogue.remote or "", user=user, relays=relays)


def _asked(
    dialogue: Dialogue, wire: Wire, method: str, params: tuple[str, ...], seconds: float
) -> str:
    """The result of one request. Raises NotSigned."""
    request = Request(secrets.token_hex(_ID_BYTES), method, params, _now())
    found: list[Answer] = []

    def hear(event: Event) -> bool:
        if answer := dialogue.hear(event, now=_now()):
            found.append(answer)
        return bool(found)

    event = dialogue.request(request, at=_now(), nonce=secrets.token_bytes(NONCE_BYTES))
    wanted = answers(dialogue.client, since=request.asked - 60)
    wire.exchange(wanted, [event], hear, seconds=seconds)
    if not found:
        page = f"; it wants a person to visit {dialogue.page}" if dialogue.page else ""
        raise NotSigned(f"the signer did not answer in time{page}")
    if found[0].error:
        raise NotSigned(f"the signer refused: {found[0].error}")
    return found[0].result


def _now() -> int:
    return int(time.time())
