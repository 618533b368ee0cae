"""Codes that a job can act on: what failed, what is unknown and what waits for a person differ."""

from __future__ import annotations

import pytest

from tests.kit.program import Case

HOLDS = "  holds: [{{reason: server-not-listed, where: 'alice/*', until: {until}}}]\n"


def held(case: Case, more: str = "") -> None:
    """A repository that nobody here may announce on the second server."""
    case.start("one", "two")
    case.repository("widget", on=["one"], listed=["one"])
    case.desired(more)


def test_what_waits_for_a_person_has_a_code_of_its_own(case: Case) -> None:
    held(case)
    done = case.reconcile("--apply")
    assert (done.code, done.report["exit_codes"]) == (7, [7])
    assert case.reconcile("--apply", "--exit-zero-on", "7").code == 0
    assert case.reconcile("--plan").code == 0


def test_a_hold_that_is_accepted_is_counted_and_makes_no_code(case: Case) -> None:
    held(case, HOLDS.format(until="9999-12-31"))
    done = case.reconcile("--apply")
    assert (done.code, done.report["exit_codes"]) == (0, [0])
    assert "accepted holds: 1" in done.out
    assert "server-not-listed" not in done.out
    assert done.recap(case.servers["two"].url)["accepted"] == 1


def test_after_its_day_it_is_asked_again(case: Case) -> None:
    held(case, HOLDS.format(until="2020-01-01"))
    done = case.reconcile("--apply")
    assert done.code == 7
    assert "server-not-listed" in done.out


def test_pending_changes_show_beside_a_server_that_is_down(case: Case) -> None:
    """A gate for drift stays red although the unknown is taken out."""
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.extra_servers.append("http://127.0.0.1:1")
    case.desired()
    words = ("--plan", "--detailed-exitcode")
    assert case.reconcile(*words).code == 6
    assert case.reconcile(*words, "--exit-zero-on", "6").code == 2
    assert case.reconcile("--plan", "--exit-zero-on", "6").code == 0


@pytest.mark.parametrize("verb", ["--plan", "--apply"])
def test_a_limit_that_matches_nothing_is_a_slip_and_nothing_is_written(
    case: Case, verb: str
) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired()
    done = case.reconcile(verb, "--limit", "alice/widget", "--limit", "alice/widgit")
    assert (done.code, done.report["exit_codes"][0]) == (64, 64)
    assert "--limit alice/widgit" in done.out
    assert "did you mean alice/widget?" in " ".join(done.out.split())
    assert done.report["events_sent"] == done.report["pushes_sent"] == 0


def test_a_limit_may_match_what_a_dead_server_has(case: Case) -> None:
    case.extra_servers.append("http://127.0.0.1:1")
    case.desired()
    done = case.reconcile("--apply", "--limit", "alice/widget")
    assert done.code == 6
    assert "no server answered (1 unknown)" in " ".join(done.out.split())


def blocking(case: Case, pattern: str) -> str:
    """A rule that keeps repositories off the second server."""
    url = case.servers["two"].url
    return f"repositories: {{{pattern}: {{servers: {{block: [{url}]}}}}}}\n"


def test_a_rule_that_matches_nothing_is_said_and_has_a_code(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired(blocking(case, "alice/widgit"))
    done = case.reconcile("--plan")
    assert done.code == 7
    assert "repositories alice/widgit: such a repository was found on no server" in done.out


def test_a_rule_by_glob_blocks(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.desired(blocking(case, "alice/*"))
    done = case.reconcile("--apply")
    assert done.code == 0
    assert {cell["server"] for cell in done.report["cells"]} == {case.servers["one"].url}


def test_without_keys_signatures_are_one_line_before_anything_starts(case: Case) -> None:
    case.start("one", "two")
    for name in ("widget", "gadget", "gizmo"):
        case.repository(name, on=["one"], listed=["one"])
    case.desired(signer=True)
    done = case.reconcile("--apply")
    assert done.code == 7
    said = [line for line in done.err.splitlines() if "--signers" in line]
    assert said == ["no --signers: 3 signatures are held, and whatever needs them"]
    assert done.err.index(said[0]) < done.err.index("apply: ")
    kept = done.out.partition("Kept back")[2].partition("Recap")[0]
    assert "3 signatures: no key named 'owner-key' was given (--signers)" in kept
    assert "Not attempted" in done.out


def test_a_reviewed_plan_is_refused_whole_or_done_as_far_as_it_holds(case: Case) -> None:
    case.start("one", "two")
    case.repository("widget", on=["one"])
    case.repository("gadget", on=["one"])
    case.desired(delegate=False)
    saved = case.folder / "plan.json"
    assert case.reconcile("--plan", "--out", saved).code == 0
    assert case.reconcile("--apply", "--limit", "alice/widget").code == 0
    refused = case.reconcile("--apply", saved)
    assert refused.code == 5
    assert case.reconcile("--apply", "--still-valid").code == 64
    done = case.reconcile("--apply", saved, "--still-valid", "--detailed-exitcode")
    assert done.code == 2, done.out
    assert "no longer needed or possible: alice/widget: push" in " ".join(done.out.split())
    assert case.refs("two", "gadget") == case.refs("one", "gadget") != {}
