"""The edge's clients as a run of their own has them, allowed to go to loopback."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from reconciler.edge.allowance import Allowance, Allowances, Ration
from reconciler.edge.clock import Clock
from reconciler.edge.egress import Egress
from reconciler.edge.http import Http
from reconciler.edge.line import RelayLine
from reconciler.edge.relay import RelayClient
from reconciler.limits import READ_SECONDS, RELAY_IDLE_SECONDS, SERVER_KEPT_BYTES
from reconciler.model.observed import Unknown
from reconciler.nostr import urls
from reconciler.nostr.messages import Ok
from tests.kit.clock import Hasty

LOOPBACK = Egress((ip_network("127.0.0.0/8"),))


def web(*, egress: Egress = LOOPBACK, clock: Clock | None = None, **ration: Any) -> Http:
    """The HTTP client of a run of its own."""
    clock = clock or Hasty()
    return Http(egress, clock, Allowances(clock, Ration(**ration)))


def relay(
    url: str,
    *,
    egress: Egress = LOOPBACK,
    clock: Clock | None = None,
    cap: int | None = None,
    silence: float = READ_SECONDS,
    idle: float = RELAY_IDLE_SECONDS,
    keeps: int = SERVER_KEPT_BYTES,
    **ration: Any,
) -> RelayClient:
    """A connection to the relay of the server at this URL, of a run of its own. Raises Failure."""
    clock = clock or Hasty()
    allowance = Allowance(clock, Ration(**ration))
    line = RelayLine(urls.relay(url), egress, clock, allowance, silence=silence, idle=idle)
    return RelayClient(line, allowance, cap=cap, keeps=keeps)


def oks(answers: Sequence[Ok | Unknown]) -> list[Ok]:
    """What a relay answered to each publication; AssertionError where it did not."""
    assert not [answer for answer in answers if isinstance(answer, Unknown)]
    return [answer for answer in answers if isinstance(answer, Ok)]
