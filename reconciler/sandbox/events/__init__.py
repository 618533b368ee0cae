"""The events that a server serves: SQLite, and filters as SQL."""
