"""Are all reports of a folder there, and unchanged? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """One report: its run, the digest of its file, and that of the one before, as it names it."""

    name: str
    digest: str
    previous: str | None


def broken(links: Sequence[Link], head: str | None) -> Iterator[str]:
    """What is wrong with a chain, in words.

    Args:
        links: the reports, the oldest first. Old ones may have been taken away, from the beginning
            on: so the oldest may follow one that is nobody's.
        head: the digest of the last report.
    """
    digests = {link.digest for link in links}
    named = Counter(link.previous for link in links)
    first = [link for link in links if link.previous not in digests]
    for link in first[1:]:
        why = "begins anew" if link.previous is None else "follows a report that is not here"
        yield f"{link.name} {why}, or one before it was changed"
    for digest, count in named.items():
        if digest in digests and count > 1:
            both = ", ".join(link.name for link in links if link.previous == digest)
            yield f"{both} follow the same report"
    if links and head is None:
        yield "latest.json is not here"
    elif head is not None and head not in digests:
        yield "latest.json is the report of no run, or its run's was changed"
    elif head in named:
        yield "latest.json is not the last report of the chain"
