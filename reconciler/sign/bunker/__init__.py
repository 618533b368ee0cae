"""Remote signing (NIP-46): keys that are elsewhere, and people who approve with a day's delay.

uri        connection strings, of both directions
pairing    what is kept of a pairing: our own key for it, who answers, whose signature it gives
dialogue   requests and answers as values; what does not count is ignored and counted
queue      what was asked and is not answered, between runs
signer     asks, waits a while, and leaves the rest to a later run
"""
