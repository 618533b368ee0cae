"""What was asked of remote signers and is not answered, between runs.

A person approves when they see it, perhaps the next day. The same request is asked again in each
run, under the same id and for the very same event, until it is answered or its time is over; the
planner takes the event from here, so that a late answer still fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from reconciler.errors import PeerFault
from reconciler.limits import APPROVAL_SECONDS, MEMORY_BYTES
from reconciler.nostr.event import Draft, draft_of
from reconciler.nostr.strictjson import Json, dumps, loads


class Paper(Protocol):
    """A file of ours."""

    def read(self) -> bytes:
        """Its bytes; empty when it is not there."""

    def write(self, text: str) -> None:
        """Replace it at once. Raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: of which signer, by which id, for which event, since when (seconds since 1970);
    `refused` is what the signer said to it, empty while it waits."""

    signer: str
    request: str
    draft: Draft
    asked: int
    refused: str = ""

    @property
    def until(self) -> int:
        """When its time is over."""
        return self.asked + APPROVAL_SECONDS

    @property
    def address(self) -> tuple[str, int, str]:
        """Of the event that it would sign: a newer request for the same takes its place."""
        return self.draft.pubkey, self.draft.kind, self.draft.first("d") or ""


class Queue:
    """The requests that wait, in one file; losing it costs a request that is asked anew."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper

    def rows(self, *, now: int) -> tuple[Asked, ...]:
        """Requests whose time is not over at `now`."""
        try:
            data = self._paper.read()
            rows = loads(data) if 0 < len(data) <= MEMORY_BYTES else []
            found = [_row(row) for row in rows]
        except (OSError, PeerFault, TypeError):
            return ()
        return tuple(row for row in found if row.asked <= now < row.until)

    def drafts(self, *, now: int) -> tuple[Draft, ...]:
        """The events that they would sign."""
        return tuple(row.draft for row in self.rows(now=now))

    def put(self, asked: Asked, *, now: int) -> None:
        """Write a request down; one for the same address goes. Raises OSError."""
        others = [row for row in self.rows(now=now) if row.address != asked.address]
        self._save([*others, asked])

    def refuse(self, request: str, words: str, *, now: int) -> None:
        """The signer said no; it is not asked again before the request's time is over."""
        rows = self.rows(now=now)
        self._save(replace(r, refused=words) if r.request == request else r for r in rows)

    def drop(self, request: str, *, now: int) -> None:
        """It was answered. Raises OSError."""
        self._save(row for row in self.rows(now=now) if row.request != request)

    def _save(self, rows: Iterable[Asked]) -> None:
        self._paper.write(dumps([_plain(row) for row in rows]) + "\n")


def _plain(row: Asked) -> Json:
    draft = row.draft
    return {
        "signer": row.signer,
        "request": row.request,
        "asked": row.asked,
        "refused": row.refused,
        "draft": {
            "pubkey": draft.pubkey,
            "created_at": draft.created_at,
            "kind": draft.kind,
            "tags": [list(tag) for tag in draft.tags],
            "content": draft.content,
        },
    }


def _row(row: Json) -> Asked:
    match row:
        case {
            "signer": str(signer),
            "request": str(request),
            "asked": int(asked),
            "refused": str(refused),
            "draft": dict(draft),
        }:
            return Asked(
                signer=signer,
                request=request,
                draft=draft_of(draft),
                asked=asked,
                refused=refused,
            )
    raise TypeError("a row of the queue has the wrong shape")
