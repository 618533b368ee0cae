"""How long, how much processor time and how much memory, beside programs that do the same."""
