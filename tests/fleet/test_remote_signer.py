"""A key that never comes here: paired once, asked by a run, approved late, used by a later run."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import nostr_sdk
import pytest

from reconciler.nostr import kinds, nip19
from reconciler.nostr.nip34 import Coordinate
from reconciler.sandbox.demo import history
from reconciler.sandbox.demo.host import plain_host
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.bunker import Bunker, Json
from tests.kit.program import Case, Result, command, newest

Play = Callable[[Bunker, Json, str], Iterable[str]]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningServer]:
    server = start(
        ServerSpec(name="bunkers", directory=tmp_path / "bunkers", family="spec", grasp=False)
    )
    yield server
    server.stop()


def pair(
    case: Case, bunker: Bunker, *words: str, text: str = ""
) -> subprocess.CompletedProcess[str]:
    base = ("-f", str(case.folder / "desired-state.yaml"), "pair", "owner-key", *words)
    return subprocess.run(
        command(case.folder, *base),
        input=text or bunker.uri + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def prepare(case: Case, bunker: Bunker, url: str) -> None:
    """A desired state whose owner is the bunker's user, and a signers file that names it."""
    more = f"repositories:\n  alice/widget: {{source: {url}/widget.git, states: adopt}}\n"
    file = case.desired(more, signer=True)
    npub = nip19.npub(bunker.signs_for)
    file.write_text(file.read_text().replace(case.owner.npub, npub))
    (case.folder / "keys").write_text("owner-key: bunker\n")


def apply(case: Case, **env: str) -> Result:
    return case.reconcile("--apply", "--signers", case.folder / "keys", seconds=150, **env)


def test_paired_asked_approved_late_and_finished_in_a_later_run(
    case: Case, relay: RunningServer, tmp_path: Path
) -> None:
    case.start("one")
    case.start("two", family="khatru")
    history.create(tmp_path / "host" / "widget.git", 3, commits=4)
    approved = True

    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        return [b.answer(r, c)] if approved else []

    bunker = Bunker(relay.relay_url, play=play)
    with bunker, plain_host(tmp_path / "host") as url:
        prepare(case, bunker, url)
        done = pair(case, bunker)
        assert done.returncode == 0, done.stderr
        assert nip19.npub(bunker.signs_for) in done.stdout
        perms = bunker.requests[0]["params"][2]
        assert perms == "sign_event:30617,sign_event:30618"
        kept = case.folder / "state" / "signers" / "owner-key.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        for secret in (bunker.secret, bunker.uri):
            assert secret not in done.stdout + done.stderr + kept.read_text()

        approved = False
        asked = apply(case, RECONCILE_APPROVAL_WAIT="2s")
        assert (asked.code, asked.report["signatures"]) == (7, 0)
        assert "has not approved it yet" in asked.out
        told = case.reconcile("status")
        assert "has not approved it yet" in told.out
        waiting = {r["id"] for r in bunker.requests if r["method"] == "sign_event"}
        assert len(waiting) == 2

        approved = True
        done_later = apply(case)
        assert (done_later.code, done_later.report["signatures"]) == (0, 2)
        signed = [r for r in bunker.requests if r["method"] == "sign_event"]
        assert {r["id"] for r in signed} == waiting
        assert apply(case).report["planned"] == 0
        servers = [server.url for server in case.servers.values()]
        coordinate = Coordinate(bunker.signs_for, "widget")
        for kind in (kinds.ANNOUNCEMENT, kinds.STATE):
            assert len(set(newest(servers, kind, coordinate).values())) == 1


def test_an_invitation_is_answered_by_who_repeats_its_secret(
    case: Case, relay: RunningServer
) -> None:
    case.start("one")
    case.desired()
    base = ("-f", str(case.folder / "desired-state.yaml"), "pair", "phone", "--seconds", "20")
    call = command(case.folder, *base, "--relay", relay.relay_url)
    mallory = Bunker(relay.relay_url)
    with (
        Bunker(relay.relay_url) as phone,
        mallory,
        subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        uri = next(line.strip() for line in lines if line.startswith("nostrconnect://"))
        assert parse_qs(urlsplit(uri).query)["perms"] == ["sign_event:30617,sign_event:30618"]
        drawn = [next(lines) for _ in range(5)]
        assert any("█" in line for line in drawn)
        mallory.accept(uri, result="guessed")
        mallory.accept(uri, result="ack")
        phone.accept(uri)
        mallory.accept(uri, result="too late")
        rest = process.stdout.read()
        assert process.wait(30) == 0, rest
        assert nip19.npub(phone.signs_for) in rest
    assert [request["method"] for request in phone.requests] == ["get_public_key"]
    assert mallory.requests == []


def test_a_key_of_somebody_else_is_found_before_the_first_request(
    case: Case, relay: RunningServer
) -> None:
    case.start("one")
    with Bunker(relay.relay_url) as bunker:
        case.desired(signer=True)
        assert pair(case, bunker).returncode == 0
        (case.folder / "keys").write_text("owner-key: bunker\n")
        before = len(bunker.requests)
        done = apply(case)
        assert (done.code, len(bunker.requests)) == (78, before)
        assert "is not that of alice" in done.err


def test_a_name_that_was_never_paired(case: Case) -> None:
    case.start("one")
    case.desired(signer=True)
    (case.folder / "keys").write_text("owner-key: bunker\n")
    done = apply(case)
    assert done.code == 78
    assert "reconcile pair owner-key" in done.err


@pytest.mark.parametrize(
    ("play", "said"),
    [
        (lambda *_: [], "did not answer"),
        (lambda b, r, c: [b.answer(r, c, result="", error="no")], "refused: no"),
        (lambda b, r, c: [b.answer(r, c, result="maybe")], "something else than yes"),
        (lambda b, r, c: [b.answer(r, c, by=nostr_sdk.Keys.generate())], "did not answer"),
    ],
    ids=["silence", "a refusal", "another word", "a stranger"],
)
def test_who_does_not_answer_is_not_paired(
    case: Case, relay: RunningServer, play: Play, said: str
) -> None:
    case.start("one")
    case.desired()
    with Bunker(relay.relay_url, play=play) as bunker:
        patience = "2" if said == "did not answer" else "50"
        done = pair(case, bunker, "--seconds", patience)
    assert done.returncode == 7
    assert said in done.stderr
    assert not (case.folder / "state" / "signers").exists()


@pytest.mark.parametrize(
    "text", ["bunker://x", "https://relay.example", "nsec1qqq", "bunker://" + "a" * 64, ""]
)
def test_what_is_no_connection_string_is_not_quoted(case: Case, text: str) -> None:
    case.start("one")
    case.desired()
    done = pair(case, Bunker("ws://127.0.0.1:9"), text=text + "\n")
    assert done.returncode == 78
    assert not text or text not in done.stdout + done.stderr
