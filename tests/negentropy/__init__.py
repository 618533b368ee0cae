"""Negentropy and NIP-77: the protocol alone, the sandbox's side, our client, and other judges."""
