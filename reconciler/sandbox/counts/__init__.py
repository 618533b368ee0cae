"""What a server counts: what it was asked to do, how its sync fares, and /metrics."""
