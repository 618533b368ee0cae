"""What people call repositories and servers; one value for every view. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from reconciler.model.plan import RepositorySummary, ServerSummary
from reconciler.nostr import urls
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.safe import safe


@dataclass(frozen=True, slots=True)
class Names:
    """Names that are safe to print, in the order in which views show them: repositories by name,
    servers as the desired state lists them."""

    repositories: Mapping[Coordinate, str]
    servers: Mapping[str, str]

    @classmethod
    def of(
        cls, repositories: Iterable[RepositorySummary], servers: Iterable[ServerSummary]
    ) -> Self:
        """The names of a plan or a report."""
        pairs = sorted((safe(found.name), found.coordinate) for found in repositories)
        return cls(
            {coordinate: name for name, coordinate in pairs},
            {server.url: safe(server.name) for server in servers},
        )

    def repository(self, coordinate: Coordinate) -> str:
        """A repository; by its identifier where no summary names it."""
        return self.repositories.get(coordinate) or safe(coordinate.identifier)

    def server(self, url: str) -> str:
        """A server; by its host where the desired state does not know it."""
        return self.servers.get(url) or safe(urls.host(url))

    def listed(self, places: Iterable[str]) -> str:
        """Several servers, in the order of the desired state."""
        order = {url: number for number, url in enumerate(self.servers)}
        return ", ".join(map(self.server, sorted(places, key=lambda u: (order.get(u, 999), u))))

    def on(self, url: str | None) -> str:
        """` on <server>`; empty where it concerns all of them."""
        return f" on {self.server(url)}" if url else ""
