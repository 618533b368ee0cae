"""Runs from outside: saved plans, signatures, locks, signals, and kills at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from reconciler.nostr import kinds, urls
from reconciler.nostr.filters import Filter
from reconciler.nostr.nip34 import announcement
from reconciler.sandbox.demo import history
from tests.kit.patience import eventually
from tests.kit.program import DAY, Case, command


def counters(case: Case) -> dict[str, Any]:
    return {name: server.counters.snapshot() for name, server in case.servers.items()}


def written(case: Case) -> list[int]:
    rows = counters(case).values()
    return [row[key] for row in rows for key in ("events_received", "pushes_received")]


class TestSavedPlan:
    def test_it_is_applied_exactly(self, case: Case) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"])
        case.desired()
        plan = case.folder / "plan.json"
        assert case.reconcile("--plan", "--out", plan).code == 0
        assert case.reconcile("--apply", plan).code == 0
        assert case.refs("two", "widget") == case.refs("one", "widget")

    def test_when_the_world_has_changed_it_is_refused_and_nothing_is_written(
        self, case: Case
    ) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"])
        case.desired()
        plan = case.folder / "plan.json"
        case.reconcile("--plan", "--out", plan)
        history.extend(case.sources["widget"], 7)
        case.host("widget", None, ["one"], at=case.now - DAY)
        before = written(case)
        done = case.reconcile("--apply", plan)
        assert done.code == 5
        assert written(case) == before
        assert "Nothing was written: the saved plan no longer matches the world" in done.out
        assert "note: changed: alice/widget: push " in done.out

    def test_when_the_desired_state_has_changed_it_is_refused(self, case: Case) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"])
        file = case.desired()
        plan = case.folder / "plan.json"
        case.reconcile("--plan", "--out", plan)
        file.write_text(file.read_text() + "# reviewed again\n")
        done = case.reconcile("--apply", plan)
        assert done.code == 5
        assert "the desired state was changed" in done.out

    def test_an_edited_plan_is_refused(self, case: Case) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"])
        case.desired()
        plan = case.folder / "plan.json"
        case.reconcile("--plan", "--out", plan)
        raw = json.loads(plan.read_text())
        raw["actions"] = raw["actions"][:1]
        plan.write_text(json.dumps(raw))
        done = case.reconcile("--apply", plan)
        assert done.code == 78
        assert "changed after it was saved" in done.err


class TestSigning:
    def test_the_signed_announcement_lists_the_new_server_and_keeps_the_rest(
        self, case: Case
    ) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"], listed=["one"])
        case.desired(signer=True)
        (old,) = case.servers["one"].events(Filter(kinds=(kinds.ANNOUNCEMENT,)))
        done = case.reconcile("--apply", "--keys", case.folder / "keys")
        assert done.code == 0, done.out + done.err
        (new,) = case.servers["two"].events(Filter(kinds=(kinds.ANNOUNCEMENT,)))
        assert announcement(new).servers() == {s.url for s in case.servers.values()}
        kept = [tag for tag in old.tags if tag[0] not in ("clone", "relays")]
        assert [tag for tag in new.tags if tag[0] not in ("clone", "relays")] == kept
        assert case.servers["one"].events(Filter(kinds=(kinds.ANNOUNCEMENT,))) == (new,)
        assert case.refs("two", "widget") == case.refs("one", "widget")
        assert case.reconcile("--apply", "--keys", case.folder / "keys").report["planned"] == 0

    def test_without_the_key_only_what_needs_it_waits(self, case: Case) -> None:
        case.start("one", "two", "three")
        case.repository("widget", on=["one"], listed=["one", "three"])
        case.desired(signer=True)
        done = case.reconcile("--apply")
        assert done.report["exit_codes"] == [7]
        assert done.out.count("no key named 'owner-key' was given") == 1
        assert case.refs("three", "widget") == case.refs("one", "widget")

    def test_the_key_is_nowhere_in_what_was_written(self, case: Case) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"], listed=["one"])
        case.desired(signer=True)
        done = case.reconcile("--apply", "-v", "--keys", case.folder / "keys")
        forms = (case.owner.nsec(), case.owner.secret.hex(), case.owner.secret.hex().upper())
        files = [path for path in case.folder.rglob("*") if path.is_file()]
        texts = [path.read_bytes() for path in files if path.name != "keys"]
        texts += [done.out.encode(), done.err.encode()]
        assert len(texts) > 20
        assert not [form for form in forms for text in texts if form.encode() in text]


class TestProcesses:
    def test_a_second_run_at_once_leaves_with_75_and_writes_nothing(self, case: Case) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"])
        case.desired()
        case.servers["two"].faults.set("hang")
        first = _spawn(case, "--apply")
        eventually((case.folder / "state" / "lock").exists)
        before = written(case)
        second = case.reconcile("--apply")
        assert second.code == 75
        assert "holds" in second.err
        assert written(case) == before
        assert case.reconcile("--plan", seconds=45).code == 6  # a plan takes no lock
        assert first.wait(45) == 6

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_lets_the_report_be_written(
        self, case: Case, number: signal.Signals, code: int
    ) -> None:
        case.start("one", "two")
        case.repository("widget", on=["one"])
        case.desired()
        case.servers["two"].faults.set("hang")
        run = _spawn(case, "--apply")
        eventually((case.folder / "state" / "lock").exists)
        run.send_signal(number)
        assert run.wait(45) == code
        assert run.stderr and b"once more ends at once" in run.stderr.read()
        report = json.loads((case.folder / "reports" / "latest.json").read_text())
        assert report["exit_code"] == code
        assert "stopped by a signal" in report["notes"]

    @pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.long)])
    def test_after_kills_at_random_moments_the_next_run_converges(
        self, case: Case, kills: int
    ) -> None:
        case.start("one", "two", "three")
        for name in ("widget", "gadget", "gizmo"):
            case.repository(name, on=["one"])
        case.desired(signer=True)
        chance = random.Random(20261121 + kills)
        for _ in range(kills):
            run = _spawn(case, "--apply", "--keys", str(case.folder / "keys"))
            time.sleep(chance.uniform(0.3, 2.5))
            os.killpg(run.pid, signal.SIGKILL)
            run.wait(10)
        done = case.reconcile("--apply", "--keys", case.folder / "keys")
        assert done.code == 0, done.out + done.err
        for name in case.sources:
            want = history.refs(case.sources[name])
            assert [case.refs(place, name) for place in case.servers] == [want] * 3
        assert case.reconcile("--apply").report["planned"] == 0


def _spawn(case: Case, *args: str) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(case.folder)}
    file = str(case.folder / "desired-state.yaml")
    return subprocess.Popen(
        command(case.folder, "-f", file, *args),
        env=environment,
        cwd=case.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


class TestMemory:
    def test_a_server_that_refuses_is_not_asked_again_at_once(self, case: Case) -> None:
        """ngit-grasp refuses announcements with two clone tags; a server by the letter does not."""
        case.start("one", family="spec")
        case.start("two", family="ngit-grasp")
        case.repository("widget", on=[])
        places = [server.url for server in case.servers.values()]
        owner = case.owner
        tags = [("d", "widget"), ("relays", *map(urls.relay, places))]
        tags += [("clone", urls.clone(url, owner.pubkey, "widget")) for url in places]
        announced = owner.sign(kinds.ANNOUNCEMENT, tuple(tags), at=case.now - DAY)
        case.host("widget", announced, ["one"], at=case.now - DAY)
        case.desired()
        first = case.reconcile("--apply")
        assert (first.code, first.recap(places[1])["failed"]) == (3, 1)
        assert "multiple clone tags" in first.out
        before = written(case)
        second = case.reconcile("--apply")
        assert written(case) == before
        assert [hold["reason"] for hold in second.report["holds"]] == ["refused-by-server"]
        assert second.verdicts(places[1]) == {"held"}
