"""The tables of a relay's events, and the indices by which they are asked for."""

from typing import Final

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
