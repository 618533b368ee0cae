"""The reports of shards joined are that of one run, cell by cell; gaps and overlaps are refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from reconciler.facts.knowledge import Knowledge
from reconciler.facts.selection import select
from reconciler.guard import judge
from reconciler.model.codec import report_to_json
from reconciler.model.outcome import Outcome, Report, Result, Stage
from reconciler.plan import plan
from reconciler.report.build import build
from reconciler.report.joined import amiss, joined
from tests.kit import values
from tests.kit.people import ALICE
from tests.kit.values import oid, refs

from .test_build import header

NAMES = [f"r{number}" for number in range(23)]
WISH = values.desired("alpha", "beta", "gamma")


def run(shard: tuple[int, int] = (1, 1)) -> Report:
    """One shard of a fleet in which beta lacks everything and gamma is down."""
    announced = [ALICE.announce(name, ["alpha", "beta", "gamma"]) for name in NAMES]
    states = [ALICE.state(name, {"refs/heads/main": oid(2)}, at=9) for name in NAMES]
    full = {ALICE.coordinate(name): refs({"refs/heads/main": oid(2)}) for name in NAMES}
    seen = values.observed(
        [*announced, *states],
        values.view("alpha", [*announced, *states], full),
        values.view("beta", announced, dict.fromkeys(full, refs({}))),
        values.view("gamma", down=True),
    )
    chosen = select(WISH, (), shard)
    assert set(chosen.of(WISH, Knowledge.of(seen.events, now=seen.at)))
    found = plan(WISH, seen, chosen)
    ends = tuple(
        Outcome(key=a.key, verb=a.verb, server=a.server, result=Result.DONE, seconds=1.0)
        for a in found.actions
    )
    about = replace(
        header("apply"),
        run_id=f"20240101T00000{shard[0]}Z-abc",
        shard=shard,
        stages=(Stage("observe", float(shard[0])), Stage("apply", 2.0)),
    )
    return build(about, found, judge(found, WISH, seen), outcomes=ends, remaining=found)


SHARDS = [run((number, 4)) for number in range(1, 5)]
WHOLE = run()


def test_what_was_joined_is_what_one_run_would_have_reported() -> None:
    found = joined(SHARDS[::-1], actor="x")
    for part in ("repositories", "cells", "holds", "recap", "servers", "exit_codes", "planned"):
        assert getattr(found, part) == getattr(WHOLE, part), part
    assert Counter(o.key for o in found.outcomes) == Counter(o.key for o in WHOLE.outcomes)
    assert found.events_sent + found.pushes_sent == WHOLE.events_sent + WHOLE.pushes_sent > 0
    assert found.merged == tuple(report.run_id for report in SHARDS)
    assert found.stages == (Stage("observe", 4.0), Stage("apply", 2.0))
    assert found.shard == (1, 1)
    report_to_json(found)


def test_shards_of_one_run_are_nothing_amiss() -> None:
    assert list(amiss(SHARDS)) == []
    assert list(amiss([WHOLE])) == []


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        (SHARDS[:3], "shard 4 of 4 is missing"),
        (SHARDS[1:], "shard 1 of 4 is missing"),
        ([*SHARDS, SHARDS[0]], "shard 1 is there more than once"),
        ([*SHARDS[:3], replace(SHARDS[3], mode="plan")], "different modes"),
        ([*SHARDS[:3], replace(SHARDS[3], desired_digest="e" * 64)], "different desired states"),
        ([*SHARDS[:3], replace(SHARDS[3], limit=("a*",))], "different limits"),
        ([*SHARDS[:3], run((4, 5))], "different numbers of shards"),
        (
            [*SHARDS[:3], replace(SHARDS[3], repositories=SHARDS[0].repositories)],
            "stands in more than one report",
        ),
    ],
)
def test_a_gap_or_an_overlap_is_refused(reports: list[Report], words: str) -> None:
    assert any(words in why for why in amiss(reports))


def test_a_server_that_was_down_for_one_shard_is_unknown_in_all() -> None:
    up = tuple(replace(server, unknown=None) for server in SHARDS[0].servers)
    found = joined([replace(SHARDS[0], servers=up), *SHARDS[1:]], actor="x")
    assert [server.unknown for server in found.servers] == [None, None, "connection-refused"]
