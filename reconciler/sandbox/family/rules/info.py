"""NIP-11, and the relay's address."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """The relay information document. Empty texts and tuples are left out of it."""

    software: str
    """`software`."""
    version: str
    """`version`."""
    nips: tuple[int, ...]
    """`supported_nips`; 77 stands there whenever NIP-77 is on."""
    grasps: tuple[str, ...] = ("GRASP-01",)
    """`supported_grasps` (GRASP-01), whatever is switched on."""
    criteria: str = "announcements that list this service in clone and relays"
    """`repo_acceptance_criteria` (GRASP-01)."""
    shows_limits: bool = True
    """`limitation` is given."""
    restricted_writes: bool = False
    """`limitation` says that not everybody may write."""
    exact_accept: bool = False
    """The Accept header must be application/nostr+json and nothing else."""
    any_path: bool = False
    """Document and WebSocket are at every path."""
    metrics: bool = True
    """/metrics is answered."""
    plain_upgrade: bool = False
    """The Connection header of an upgrade must be `upgrade` and nothing else."""
