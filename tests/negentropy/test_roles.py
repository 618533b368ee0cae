"""Both sides in memory: exact differences, whatever the sets, the frames and the other side."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OurFault, PeerFault
from reconciler.limits import NEG_ROUNDS
from reconciler.nostr.negentropy.builder import FRAME_MIN, SPLIT_BYTES, MessageBuilder, split
from reconciler.nostr.negentropy.items import INFINITY, TIME_BYTES, ZERO, items
from reconciler.nostr.negentropy.roles import Initiator, Responder
from reconciler.nostr.negentropy.wire import VERSION, Digest, IdList, Skip, parse, write

from .kit import Pair, converse, pairs, two_sets
from .test_items import FIRST, SECOND, THIRD

FRAMES = st.sampled_from([4096, 60_000, None])


def ids(held: list[Pair]) -> set[str]:
    return {event_id for _, event_id in held}


# --- the difference ---------------------------------------------------------------------------


@given(two_sets(), FRAMES, FRAMES)
def test_the_difference_is_exact(
    two: tuple[list[Pair], list[Pair]], frame: int | None, theirs: int | None
) -> None:
    here, there = two
    talk = converse(here, there, frame=frame, theirs=theirs)
    assert talk.missing_here == ids(there) - ids(here)
    assert talk.missing_there == ids(here) - ids(there)


@pytest.mark.parametrize("frame", [4096, 60_000, None])
@pytest.mark.parametrize(
    ("here", "there"),
    [
        (pairs(9_000), pairs(9_000)[700:]),
        (pairs(9_000)[:-700], pairs(9_000)),
        (pairs(9_000)[::2], pairs(9_000)[1::2]),
        (pairs(3_000, label="a"), pairs(3_000, label="b")),
        (pairs(3_000, step=3_000), pairs(3_000, step=3_000)[5:2_000]),
        ([], pairs(9_000)),
        (pairs(9_000), []),
    ],
)
def test_large_sets_within_frames(here: list[Pair], there: list[Pair], frame: int | None) -> None:
    talk = converse(here, there, frame=frame)
    assert talk.missing_here == ids(there) - ids(here)
    assert talk.missing_there == ids(here) - ids(there)
    assert frame is None or talk.longest <= frame


def test_what_is_lacking_here_costs_few_rounds() -> None:
    whole = pairs(20_000)
    assert converse(whole, whole, frame=None).rounds == 1
    assert converse(whole[:-1], whole, frame=None).rounds <= 3
    assert converse([], whole, frame=60_000).rounds <= 20_000 * 32 // 59_000 + 1


# --- published examples (vitorpamplona/negentropy-kmp, NegentropyClientServerTest and BasicTest) --


def test_the_first_message_is_as_published() -> None:
    assert Initiator(items([FIRST, SECOND, THIRD])).start().hex() == "6100000203" + "".join(
        event_id for _, event_id in (FIRST, SECOND, THIRD)
    )


def test_the_conversation_goes_as_published() -> None:
    client, server = Initiator(items([FIRST, THIRD])), Responder(items([SECOND, THIRD]))
    answer = server.feed(client.start())
    assert answer.hex() == "6100000202" + SECOND[1] + THIRD[1]
    assert client.feed(answer) is None
    assert {one.hex() for one in client.missing_here} == {SECOND[1]}
    assert {one.hex() for one in client.missing_there} == {FIRST[1]}


def test_another_version_is_answered_with_ours() -> None:
    assert Responder(items([FIRST])).feed(bytes.fromhex("62aabbccddeeff")) == bytes([VERSION])
    client = Initiator(items([FIRST]))
    client.start()
    with pytest.raises(PeerFault, match="version 0"):
        client.feed(b"\x60")


# --- full frames ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 500])
def test_no_split_is_longer_than_said(count: int) -> None:
    held = items((2**40, f"{number:064x}") for number in range(count))  # the longest bounds
    builder = MessageBuilder(held, None)
    builder.put(ZERO, Skip(bytes(7) + b"\1"))
    before = len(bytes(builder))
    builder.put(bytes(7) + b"\2" + b"\xff" * 32, *split(held, 0, count, b"\xfe" * 40))
    assert len(bytes(builder)) - before < SPLIT_BYTES


def test_a_full_frame_ends_with_a_digest_of_all_that_is_left() -> None:
    """The range that did not fit belongs to the rest. The reference leaves it out of the digest
    (nostr-sdk 0.45 answers this very question, at its frame size, with the digest of nothing), so
    that a client without items there would find the rest equal."""
    held = items(pairs(200, step=1))
    nothing = Digest(INFINITY, items([]).fingerprint(0, 0))
    question = bytes([VERSION]) + write((IdList(held.keys[115], ()), nothing))[0]
    listed, rest = parse(Responder(held, frame=4096).feed(question))
    assert listed == IdList(held.keys[115], held.ids(0, 115))
    assert rest == Digest(INFINITY, held.fingerprint(115, 200))


def test_what_was_equal_before_a_full_frame_is_skipped() -> None:
    held = items(pairs(200, step=1))
    equal = Digest(held.keys[120], held.fingerprint(115, 120))
    other = Digest(INFINITY, bytes(16))
    question = bytes([VERSION]) + write((IdList(held.keys[115], ()), equal, other))[0]
    _, skipped, rest = parse(Responder(held, frame=4096).feed(question))
    assert skipped == Skip(held.keys[120])
    assert rest == Digest(INFINITY, held.fingerprint(120, 200))


def test_few_items_are_listed_and_many_are_split() -> None:
    """Where the line is drawn is free; 32 is the reference's, which keeps answers comparable."""
    held = items(pairs(32))
    assert split(held, 0, 31, INFINITY) == (IdList(INFINITY, held.ids(0, 31)),)
    parts = split(held, 0, 32, INFINITY)
    assert [type(one) for one in parts] == [Digest] * 16
    assert parts[-1] == Digest(INFINITY, held.fingerprint(30, 32))


def test_an_equal_rest_behind_a_long_message_is_asked_again() -> None:
    """So that a peer which does what the reference does cannot hide what did not fit."""
    client = Initiator(items([]), frame=4096)
    client.start()
    held = items(pairs(200, step=1))
    nothing = Digest(INFINITY, items([]).fingerprint(0, 0))
    listed = IdList(held.keys[115], held.ids(0, 115))
    question = client.feed(bytes([VERSION]) + write((listed, nothing))[0])
    assert question
    assert parse(question) == (Skip(held.keys[115]), IdList(INFINITY, ()))
    assert client.feed(Responder(held).feed(question)) is None
    assert client.missing_here == set(held.ids(0, 200))


def test_questions_stay_within_the_frame() -> None:
    held = items(pairs(6_400, step=1))
    client = Initiator(held, frame=4096)
    client.start()
    wrong = tuple(Digest(held.keys[n], bytes(16)) for n in range(20, 6_400, 20))
    question = client.feed(bytes([VERSION]) + write(wrong)[0])
    assert question
    assert 2_800 < len(question) <= 4096
    *lists, rest = parse(question)
    asked = sum(len(one.ids) for one in lists if isinstance(one, IdList))
    assert rest == Digest(INFINITY, held.fingerprint(asked, len(held)))


def test_frames_below_the_least_are_our_own_fault() -> None:
    with pytest.raises(OurFault):
        Responder(items([]), frame=FRAME_MIN - 1).feed(bytes([VERSION]))


# --- hostile peers ----------------------------------------------------------------------------


@given(st.binary(max_size=60).map(lambda data: bytes([VERSION]) + data) | st.binary(max_size=60))
def test_arbitrary_bytes_raise_only_peer_faults(data: bytes) -> None:
    held = items(pairs(100))
    with contextlib.suppress(PeerFault):
        answer = Responder(held, frame=4096).feed(data)
        assert len(answer) <= 4096
        parse(answer)
    client = Initiator(held, frame=4096)
    client.start()
    with contextlib.suppress(PeerFault):
        client.feed(data)


def test_answers_stay_within_the_frame_whatever_is_asked() -> None:
    held = items(pairs(5_000, step=1))
    wrong = tuple(Digest(held.keys[n][:TIME_BYTES], bytes(16)) for n in range(1, 5_000, 2))
    lists = tuple(IdList(one.upper, ()) for one in wrong)
    for ranges in (wrong, lists, (IdList(INFINITY, ()),)):
        answer = Responder(held, frame=4096).feed(bytes([VERSION]) + write(ranges)[0])
        assert 3_000 < len(answer) <= 4096
        assert isinstance(parse(answer)[-1], Digest)


def test_a_peer_that_never_agrees_is_left() -> None:
    client = Initiator(items(pairs(40)))
    client.start()
    never = bytes([VERSION]) + write((Digest(INFINITY, bytes(16)),))[0]
    with pytest.raises(PeerFault, match=str(NEG_ROUNDS)):
        for _ in range(NEG_ROUNDS + 1):
            assert client.feed(never)


def test_a_peer_that_invents_ids_is_left() -> None:
    client = Initiator(items([]))
    client.start()
    with pytest.raises(PeerFault, match="unknown here"):
        for round_ in range(NEG_ROUNDS):
            invented = tuple(f"{round_:016}{n:016}".encode() for n in range(16_000))
            listed = (IdList(INFINITY[:7] + b"\0", invented), Digest(INFINITY, bytes(16)))
            assert client.feed(bytes([VERSION]) + write(listed)[0])


def test_ids_in_the_wrong_place_are_noticed() -> None:
    client = Initiator(items([FIRST, THIRD]))
    client.start()
    first = bytes.fromhex(FIRST[1])
    middle = THIRD[0].to_bytes(TIME_BYTES)
    wrong = (IdList(middle, ()), IdList(INFINITY, (first,)))
    with pytest.raises(PeerFault, match="belong"):
        client.feed(bytes([VERSION]) + write(wrong)[0])


def test_calls_out_of_order_are_our_own_fault() -> None:
    client = Initiator(items([]))
    with pytest.raises(OurFault):
        client.feed(bytes([VERSION]))
    client.start()
    with pytest.raises(OurFault):
        client.start()
    assert client.feed(bytes([VERSION])) is None
    with pytest.raises(OurFault):
        client.feed(bytes([VERSION]))
