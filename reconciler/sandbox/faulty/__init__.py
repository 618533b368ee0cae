"""The illnesses of a server: each part of `wire` again, as a fault leaves it. Nothing else knows
that there are faults."""
