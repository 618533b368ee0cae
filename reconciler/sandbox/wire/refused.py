"""An unauthorised push, put into the shape in which the family says no.

ERR_LINE     200, one pkt-line `ERR …`                            (ngit-grasp)
REPORT       200, side-band text and `ng <ref> pre-receive hook declined`   (git hooks)
FORBIDDEN    403 and text                                         (khatru)
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from reconciler.git import pktline
from reconciler.git.pktline import FLUSH, Packet
from reconciler.sandbox.family.rules import GitRules, Refusal
from reconciler.sandbox.flow.push import Refused

_KIND: Final = "application/x-git-receive-pack-result"
_PART: Final = 60_000
"""Bytes of one side-band packet or ERR line: below pkt-line's 65,516."""


def response(rules: GitRules, fault: Refused) -> web.Response:
    """The HTTP answer."""
    text = f"{rules.words.prefix}{fault}{rules.words.suffix}"
    if rules.refusal is Refusal.FORBIDDEN:
        return web.Response(status=403, text=text)
    if rules.refusal is Refusal.ERR_LINE:
        return _answer(pktline.encode(b"ERR " + text.encode("utf-8", "replace")[:_PART]))
    return _answer(report(fault.names, fault.capabilities, "pre-receive hook declined", text))


def report(
    names: tuple[str, ...], capabilities: frozenset[str], why: str, chatter: str = ""
) -> bytes:
    """git's report in which every ref is `ng`, within what the client can read
    (gitprotocol-pack, "Report Status")."""
    lines: list[Packet] = [b"unpack ok\n"]
    lines += [f"ng {name} {why}\n".encode("utf-8", "surrogateescape") for name in names]
    wanted = not capabilities.isdisjoint({"report-status", "report-status-v2"})
    status = pktline.encode_all([*lines, FLUSH]) if wanted else b""
    if "side-band-64k" not in capabilities:
        return status
    parts: list[Packet] = []
    if chatter:
        parts.append(b"\2" + f"{chatter}\n".encode("utf-8", "replace")[:_PART])
    parts += [b"\1" + status[at : at + _PART] for at in range(0, len(status), _PART)]
    return pktline.encode_all([*parts, FLUSH])


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type=_KIND, headers={"Cache-Control": "no-cache"})
