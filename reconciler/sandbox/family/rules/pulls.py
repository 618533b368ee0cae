"""Kinds 1618 and 1619, and refs/nostr/<event id>."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class NostrPush(Enum):
    """Who may push refs/nostr/<event id>."""

    MATCHING = "anybody, but a known pull request must name that commit"
    STORED = "anybody, but only with a stored pull request that names that commit"
    ANYBODY = "anybody, any commit, deletes too"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRules:
    """Pull requests, and the refs that hold their commits."""

    waits: bool = True
    """The event waits in purgatory until its commit is here."""
    needs_commit: bool = True
    """One without `c` is refused."""
    push: NostrPush = NostrPush.MATCHING
    """Who may push the ref."""
    any_case: bool = False
    """The event id in the ref's name may be in upper case."""
    placeholder_seconds: float = 1200.0
    """How long a pushed ref waits for its event."""
    placeholder_loses_ref: bool = True
    """Then it is deleted."""
    merged_goes: bool = False
    """A pushed ref whose commit a branch holds by then is deleted too."""
    per_push: int | None = None
    """Such refs of one push, at most; None: any number."""
    active: int | None = None
    """Such refs of one repository, at most; None: any number."""
