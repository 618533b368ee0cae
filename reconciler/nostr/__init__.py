"""The nostr protocol as values: bytes or text in, values out. Opens nothing."""
