"""The git smart-HTTP protocol as values: bytes in, values out. Opens nothing."""
