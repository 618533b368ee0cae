"""Real servers and real clients have the last word: `make interop` (see README.md)."""
