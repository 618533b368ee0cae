"""Figures in Prometheus' text format, by its own client library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from reconciler.report.figures import PREFIX, Figure

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Figures(Collector):
    """What one scrape gets."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = tuple(figures)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for figure in self._figures:
            name = f"{PREFIX}_{figure.name}"
            family = GaugeMetricFamily(name, figure.help, labels=figure.labels)
            for labels, value in figure.samples:
                family.add_metric(labels, value)
            yield family


def exposed(figures: Iterable[Figure]) -> str:
    """The text of a scrape, and of a textfile of node_exporter (which bears no timestamps)."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    return generate_latest(registry).decode()
