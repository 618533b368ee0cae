"""A forced update is called one, with the commits that it drops; what is not known is said, too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.observed import Ancestry, Commit
from reconciler.model.plan import Forced
from tests.kit.people import ALICE, WIDGET, url
from tests.kit.values import desired, observed, oid, planned, refs, view

ANN = ALICE.announce("widget", ["alpha", "beta"])
NEW = ALICE.state("widget", {"refs/heads/main": oid(2)}, at=10)
LOST = Commit(oid(1), "split: 5794")


def forced(*found: Ancestry) -> tuple[Forced, ...]:
    """Beta's main stands at 1 and should stand at 2; the archive knows this of it."""
    alpha = view("alpha", [ANN, NEW], {WIDGET: refs({"refs/heads/main": oid(2)})})
    beta = view("beta", [ANN], {WIDGET: refs({"refs/heads/main": oid(1)})}, software="nak")
    world = observed([ANN, NEW], alpha, beta)
    if found:
        world = replace(world, ancestry=((WIDGET, found),))
    return planned(desired("alpha", "beta"), world).forced


def test_what_leads_on_is_not_forced() -> None:
    assert forced(Ancestry(oid(1), oid(2), forward=True)) == ()


def test_dropped_commits_are_named() -> None:
    (one,) = forced(Ancestry(oid(1), oid(2), forward=False, dropped=(LOST,), count=1))
    assert (one.server, one.name, one.count, one.dropped) == (
        url("beta"),
        "refs/heads/main",
        1,
        (LOST,),
    )


@pytest.mark.parametrize("known", [(), (Ancestry(oid(1), oid(2), forward=None),)])
def test_what_could_not_be_told_is_not_called_safe(known: tuple[Ancestry, ...]) -> None:
    (one,) = forced(*known)
    assert (one.count, one.dropped) == (None, ())
