"""The tables of a relay's events, and NIP-01 filters as questions to them. Pure: a filter in, a
statement and its values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import dumps

SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    pubkey TEXT NOT NULL,
    kind INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    d TEXT,
    expires INTEGER,
    json TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_time ON events (created_at DESC, id);
CREATE INDEX IF NOT EXISTS by_kind ON events (kind, created_at DESC, id);
CREATE INDEX IF NOT EXISTS by_author ON events (pubkey, kind, created_at DESC, id);
CREATE INDEX IF NOT EXISTS by_address ON events (kind, pubkey, d) WHERE d IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_expiry ON events (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS tags (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES events (number) ON DELETE CASCADE,
    PRIMARY KEY (name, value, event)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tags_of ON tags (event);
CREATE TABLE IF NOT EXISTS deleted_ids (
    id TEXT NOT NULL, pubkey TEXT NOT NULL, PRIMARY KEY (id, pubkey)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deleted_addresses (
    kind INTEGER NOT NULL, pubkey TEXT NOT NULL, d TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (kind, pubkey, d)
) WITHOUT ROWID;
PRAGMA foreign_keys = ON;
"""

_LISTED = " IN (SELECT value FROM json_each(?))"
_TAGGED = (
    "number IN (SELECT event FROM tags WHERE name = ?"
    " AND value IN (SELECT value FROM json_each(?)))"
)


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement with its values, in order."""

    text: str
    values: tuple[str | float, ...]


def select(columns: str, one: Filter, *, now: float, limit: int | None = None) -> Sql:
    """The rows of `events` that match, newest first, lowest id first among equal seconds.

    Lists travel as one JSON value each (json_each), so a long list needs no long statement.
    """
    terms: list[str] = ["(expires IS NULL OR expires > ?)"]
    values: list[str | float] = [now]
    for column, wanted in (("id", one.ids), ("pubkey", one.authors), ("kind", one.kinds)):
        if wanted:
            terms.append(column + _LISTED)
            values.append(dumps(list(wanted)))
    for name, texts in one.tags:
        terms.append(_TAGGED)
        values += [name, dumps(list(texts))]
    for term, number in (("created_at >= ?", one.since), ("created_at <= ?", one.until)):
        if number is not None:
            terms.append(term)
            values.append(number)
    # A plus sign keeps the planner from walking the time index when a narrow index is at hand.
    narrow = "+" if one.ids or one.tags else ""
    order = f"ORDER BY {narrow}created_at DESC, id"
    sql = f"SELECT {columns} FROM events WHERE {' AND '.join(terms)} {order}"  # noqa: S608 - constants
    if limit is not None:
        sql += " LIMIT ?"
        values.append(limit)
    return Sql(sql, tuple(values))
