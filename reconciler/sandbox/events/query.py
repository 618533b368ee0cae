"""The tables of a relay's events, and NIP-01 filters as questions to them. Pure: a filter in, a
statement and its values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reconciler.nostr.filters import Filter, TagFilter
from reconciler.nostr.strictjson import dumps
from reconciler.sandbox.events import loose

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

_LOOSE = """(
    SELECT tags.event AS event, max(CASE WHEN substr(tags.value, 1, length(wanted.value))
        = wanted.value THEN loose_key(wanted.value, tags.value, made.created_at, ?) END) AS place
    FROM json_each(?) AS wanted, tags JOIN events AS made ON made.number = tags.event
    GROUP BY tags.event)"""

Value = str | float | None


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement with its values, in order."""

    text: str
    values: tuple[Value, ...]


def select(
    columns: str, one: Filter, *, now: float, limit: int | None = None, loosely: bool = False
) -> Sql:
    """The rows of `events` that match, newest first, lowest id first among equal seconds.

    Lists travel as one JSON value each (json_each), so a long list needs no long statement. With
    `loosely`, one of the tags finds what `loose` says, in the order of that index.
    """
    tag = loose.indexed(one) if loosely else None
    until = None if tag else one.until
    terms, values = _conditions(one, [t for t in one.tags if t != tag], until, now)
    source = "events"
    # A plus sign keeps the planner from walking the time index when a narrow index is at hand.
    narrow = "+" if one.ids or one.tags else ""
    order = f"{narrow}created_at DESC, id"
    if tag:
        source, order = f"{_LOOSE} JOIN events ON number = event", "place DESC"
        terms.append("place IS NOT NULL")
        values = [one.until, dumps(list(tag[1])), *values]
    sql = f"SELECT {columns} FROM {source} WHERE {' AND '.join(terms)} ORDER BY {order}"  # noqa: S608 - constants
    if limit is not None:
        sql += " LIMIT ?"
        values.append(limit)
    return Sql(sql, tuple(values))


def _conditions(
    one: Filter, tags: list[TagFilter], until: int | None, now: float
) -> tuple[list[str], list[Value]]:
    terms: list[str] = ["(expires IS NULL OR expires > ?)"]
    values: list[Value] = [now]
    for column, wanted in (("id", one.ids), ("pubkey", one.authors), ("kind", one.kinds)):
        if wanted:
            terms.append(column + _LISTED)
            values.append(dumps(list(wanted)))
    for name, texts in tags:
        terms.append(_TAGGED)
        values += [name, dumps(list(texts))]
    for term, number in (("created_at >= ?", one.since), ("created_at <= ?", until)):
        if number is not None:
            terms.append(term)
            values.append(number)
    return terms, values
