"""What a server tells Prometheus, in ngit-grasp's names, from a registry of its own.

Counting ones are instruments that the code touches; sizes, and pushes, which `Counters` counts, are
read when somebody asks: pushes run side by side, and a difference around one would hold others.
Labels are bounded: no identifier, address or URL of a peer becomes one, except the relays and
domains that GRASP-02 talks to, which the server chose itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler.nostr import kinds
from reconciler.sandbox.metrics.figures import Figures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_KNOWN: Final = frozenset({*kinds.MIRRORED, kinds.ANNOUNCEMENT, kinds.STATE, kinds.GRASP_LIST})
_REASONS: Final = frozenset(
    {"auth-required", "blocked", "duplicate", "error", "invalid", "rate-limited", "restricted"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """One moment of what the server holds."""

    announcements: int
    states: int
    pulls: int
    repositories: int
    addresses: int
    uptime: float


class Metrics:
    """The instruments of one server."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self.connections = self._counter("ngit_websocket_connections", "Connections since start-up")
        self.open = self._gauge("ngit_websocket_connections_active", "Open connections")
        self.duration = self._times("ngit_websocket_connection_duration_seconds", "Their duration")
        self.received = self._counter(
            "ngit_websocket_messages_received", "Messages received", "type"
        )
        self.sent = self._counter("ngit_websocket_messages_sent", "Messages sent", "type")
        self.events_received = self._counter("ngit_events_received", "Events received", "kind")
        self.events_stored = self._counter("ngit_events_stored", "Events stored", "kind")
        self.events_rejected = self._counter(
            "ngit_events_rejected", "Events rejected and why", "kind", "reason"
        )
        self.git = self._counter(
            "ngit_git_operations", "Git operations by type and status", "operation", "status"
        )
        self.git_seconds = self._times(
            "ngit_git_operation_duration_seconds", "Their duration", "operation"
        )
        self.git_bytes = self._counter("ngit_git_bytes", "Bytes of git operations", "direction")
        self._gauge("ngit_build_info", "Build information", "version").labels(version).set(1)

    def watch(
        self,
        sizes: Callable[[], Sizes],
        figures: Callable[[], Figures],
        counted: Callable[[], Mapping[str, int]],
    ) -> None:
        """Read sizes, GRASP-02's figures, and the server's counters by name, from here whenever
        somebody asks."""
        self._registry.register(_Scrape(sizes, figures, counted))

    def rejected(self, kind: int, message: str) -> None:
        """Count a refusal under the machine-readable prefix of its message (NIP-01)."""
        prefix = message.partition(":")[0]
        reason = prefix if prefix in _REASONS else "policy"
        self.events_rejected.labels(kind_label(kind), reason).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self._registry)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, labels, registry=self._registry)

    def _times(self, name: str, words: str, *labels: str) -> Histogram:
        return Histogram(name, words, labels, registry=self._registry)


def kind_label(kind: int) -> str:
    """The kinds of repositories by number, all others as one: peers choose kinds freely."""
    return str(kind) if kind in _KNOWN else "other"


class _Scrape(Collector):
    """Reads sizes, figures and counters at the moment of the question."""

    def __init__(
        self,
        sizes: Callable[[], Sizes],
        figures: Callable[[], Figures],
        counted: Callable[[], Mapping[str, int]],
    ) -> None:
        self._sizes = sizes
        self._figures = figures
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """All of them, as metric families."""
        yield from _sizes(self._sizes())
        yield from _sync(self._figures())
        yield _pushes(self._counted())


def _sizes(now: Sizes) -> Iterator[Metric]:
    entries = GaugeMetricFamily(
        "ngit_purgatory_entries", "What waits for git data or its event", labels=["type"]
    )
    entries.add_metric(["announcement"], now.announcements)
    entries.add_metric(["state"], now.states)
    entries.add_metric(["pull_request"], now.pulls)
    yield entries
    yield GaugeMetricFamily(
        "ngit_repositories_total", "Repositories hosted", value=now.repositories
    )
    yield GaugeMetricFamily(
        "ngit_websocket_unique_ips", "Addresses with a connection", value=now.addresses
    )
    yield CounterMetricFamily("ngit_uptime_seconds", "Seconds since start-up", value=now.uptime)


def _pushes(counted: Mapping[str, int]) -> Metric:
    pushes = CounterMetricFamily(
        "ngit_git_push_authorization", "Push authorisation results", labels=["result"]
    )
    pushes.add_metric(["allowed"], counted["pushes_authorised"])
    pushes.add_metric(["denied"], counted["pushes_refused"])
    return pushes


def _sync(now: Figures) -> Iterator[Metric]:
    """GRASP-02, and the hunt for git data that purgatory waits for."""
    gauges = (
        ("ngit_sync_relays_connected_total", "Connected relays", now.relays_connected),
        ("ngit_sync_relays_tracked_total", "Relays discovered and tracked", now.relays_tracked),
        ("ngit_sync_batches_pending", "Batches that wait for their answer", now.batches_pending),
        ("ngit_sync_rejected_kept", "Refused events that are remembered", now.rejected_kept),
        ("purgatory_sync_queue_size", "Repositories whose git data is looked for", now.hunts),
    )
    for name, words, value in gauges:
        yield GaugeMetricFamily(name, words, value=value)
    events = CounterMetricFamily("ngit_sync_events", "Synced events by source", labels=["source"])
    for source, count in now.events:
        events.add_metric([source], count)
    yield events
    yield CounterMetricFamily(
        "ngit_sync_events_rejected", "Synced events that were refused", value=now.events_rejected
    )
    attempts = CounterMetricFamily(
        "purgatory_sync_attempts", "Fetches for waiting events", labels=["result"]
    )
    attempts.add_metric(["success"], now.fetches)
    attempts.add_metric(["failure"], now.failed_fetches)
    attempts.add_metric(["refused"], now.sources_refused)
    yield attempts
    yield CounterMetricFamily(
        "purgatory_sync_oids_fetched", "Objects that were fetched", value=now.oids_fetched
    )
    yield from _domains(now)
    yield from _relays(now)


def _domains(now: Figures) -> Iterator[Metric]:
    """The throttle of each git server."""
    families = (
        (GaugeMetricFamily, "purgatory_domain_waiting", "Fetches that wait", now.throttled),
        (GaugeMetricFamily, "purgatory_domain_in_flight", "Fetches under way", now.in_flight),
        (CounterMetricFamily, "purgatory_domain_requests", "Fetches begun", now.requests),
    )
    for family, name, words, counts in families:
        metric = family(name, words, labels=["domain"])
        for domain, count in counts:
            metric.add_metric([domain], count)
        yield metric


def _relays(now: Figures) -> Iterator[Metric]:
    """Each relay that is followed."""
    connected = GaugeMetricFamily(
        "ngit_sync_relay_connected", "1 connected, 0 not", labels=["relay"]
    )
    for relay, count in now.relays:
        connected.add_metric([relay], count)
    yield connected
    attempts = CounterMetricFamily(
        "ngit_sync_connection_attempts", "Connections tried", labels=["relay", "result"]
    )
    for (relay, well), count in now.attempts:
        attempts.add_metric([relay, "success" if well else "failure"], count)
    yield attempts
