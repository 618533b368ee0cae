"""Negentropy protocol V1 (NIP-77): two sides learn how their sets differ, without IO.

    items      a sorted set with O(1) fingerprints of its ranges
    wire       messages: ranges in, bytes out, and back
    draft      one answer under construction, within a frame
    roles      the two sides: `Initiator` asks and learns, `Responder` answers and forgets
    dialogue   the initiator's conversation as NIP-77 messages

Nothing here trusts a peer: every parser raises PeerFault and nothing else.
"""
