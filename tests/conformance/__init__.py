"""What every server family does, row by row: the sandbox held against its description."""
