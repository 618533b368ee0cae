"""NIP-01 filters as SQL. Pure: a filter in, a statement and its values out."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.nostr.filters import Filter
from reconciler.nostr.strictjson import dumps

_LISTED = " IN (SELECT value FROM json_each(?))"
_TAGGED = (
    "number IN (SELECT event FROM tags WHERE name = ?"
    " AND value IN (SELECT value FROM json_each(?)))"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with its values, in order."""

    sql: str
    values: tuple[str | float, ...]


def select(columns: str, one: Filter, *, now: float, limit: int | None = None) -> Query:
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
    return Query(sql, tuple(values))
