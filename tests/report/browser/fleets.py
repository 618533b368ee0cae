"""Large reports that never were: what a page must bear."""

from __future__ import annotations

import random
from functools import cache

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Verb
from reconciler.model.outcome import Outcome, Report, Result, Stage
from reconciler.model.plan import (
    CellVerdict,
    Hold,
    HoldReason,
    RepositorySummary,
    ServerSummary,
    Verdict,
)
from reconciler.nostr.nip34 import Coordinate
from reconciler.report.history import Past
from reconciler.report.marks import VERDICTS, Mark
from reconciler.report.story import Story, story

_VERDICTS = [Verdict.IN_SYNC] * 60 + [Verdict.DRIFTED] * 2 + [Verdict.SETTLING] + [Verdict.HELD] * 2
_OID = "0123456789abcdef" * 2 + "01234567"


@cache
def large(repositories: int, servers: int, seed: int = 1) -> Report:
    """A report of so many cells: most in sync, some servers down, some cells ill."""
    chance = random.Random(seed)
    coordinates = [Coordinate(f"{n // 40:064x}", f"project-{n:04d}") for n in range(repositories)]
    places = [f"https://grasp-{n:02d}.example.org" for n in range(servers)]
    down = set(chance.sample(range(servers), max(1, servers // 25)))
    cells, holds, outcomes = [], [], []
    for row, coordinate in enumerate(coordinates):
        for column, url in enumerate(places):
            if (row * 7 + column) % 11 == 0:
                continue  # not wanted there
            verdict = Verdict.UNKNOWN if column in down else chance.choice(_VERDICTS)
            detail = {
                Verdict.UNKNOWN: "timed-out: no answer in 10 s",
                Verdict.HELD: "server-not-listed",
            }
            cells.append(CellVerdict(coordinate, url, verdict, detail.get(verdict, ""), 6))
            if verdict is Verdict.HELD:
                holds.append(
                    Hold(
                        coordinate=coordinate,
                        server=url,
                        reason=HoldReason.NOT_LISTED,
                        detail="the announcement does not list it",
                        release="the owner lists it",
                    )
                )
            if verdict is Verdict.DRIFTED:
                outcomes.append(
                    Outcome(
                        key=f"push:{url}:{coordinate}:4",
                        verb=Verb.PUSH,
                        server=url,
                        result=chance.choice([Result.FAILED, Result.DONE]),
                        detail="http-error: 404",
                        seconds=chance.random(),
                        repository=f"team-{row // 40}/{coordinate.identifier}",
                        deed="push 2 refs",
                        coordinate=coordinate,
                        changes=2,
                        moved=(RefUpdate("refs/heads/main", "0" * 40, _OID),),
                    )
                )
    return Report(
        run_id=f"2026010{seed % 9 + 1}T000000Z-00000{seed % 9}",
        mode="apply",
        started=f"2026-01-{seed % 28 + 1:02d}T00:00:00Z",
        finished=f"2026-01-{seed % 28 + 1:02d}T00:04:00Z",
        tool="0",
        actor="timer@host",
        stages=(Stage("observe", 41.5), Stage("apply", 130.2), Stage("observe", 22.0)),
        desired_digest="d" * 64,
        plan_digest="e" * 64,
        exit_code=3,
        exit_codes=(3, 6, 7),
        planned=len(outcomes),
        signatures=0,
        events_sent=0,
        pushes_sent=sum(o.result is Result.DONE for o in outcomes),
        recap=(),
        servers=tuple(
            ServerSummary(
                url=url,
                name=f"grasp-{n:02d}",
                grasp=True,
                dialect="ngit-grasp",
                software="ngit-grasp 1.2",
                unknown="timed-out" if n in down else None,
            )
            for n, url in enumerate(places)
        ),
        repositories=tuple(
            RepositorySummary(
                coordinate=coordinate,
                name=f"team-{n // 40}/{coordinate.identifier}",
                announcement="a" * 64,
                state="b" * 64,
                authority=(),
                refs=6,
                events=9,
            )
            for n, coordinate in enumerate(coordinates)
        ),
        cells=tuple(cells),
        holds=tuple(holds),
        unmatched=(),
        findings=(),
        outcomes=tuple(outcomes),
    )


def told(repositories: int, servers: int, runs: int) -> Story:
    """The story of a run with so many runs before it, each a little different."""
    report = large(repositories, servers)
    return story(report, [_before(report, n) for n in range(runs)])


def _before(report: Report, number: int) -> Past:
    chance = random.Random(number)
    marks = {
        (str(cell.coordinate), cell.server): Mark.SYNC
        if chance.random() < 0.5
        else VERDICTS[cell.verdict].mark
        for cell in report.cells
    }
    return Past(
        run_id=f"run-{number}",
        mode="apply",
        started=f"2026-01-{number % 28 + 1:02d}T12:00:00Z",
        exit_code=3,
        marks=marks,
    )
