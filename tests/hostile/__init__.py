"""Hostile peers of plain sockets beside healthy servers: `make hostile` (see README.md)."""
