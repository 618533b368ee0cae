"""No secret is in anything that a run shows or leaves: output, reports, plans, memory, archive, and
the arguments and environments of its children."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import nostr_sdk
import pytest

from reconciler.nostr import nip19
from reconciler.sandbox.demo import history
from reconciler.sandbox.demo.authors import new
from reconciler.sandbox.demo.host import plain_host
from reconciler.sandbox.server import RunningServer, ServerSpec, start
from tests.kit.bunker import Bunker, Json
from tests.kit.canary import Canaries, watched
from tests.kit.program import Case, command

WORDS = "correct-horse-battery-staple-" + secrets.token_hex(8)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningServer]:
    server = start(
        ServerSpec(name="bunkers", directory=tmp_path / "bunkers", family="spec", grasp=False)
    )
    yield server
    server.stop()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    history.create(tmp_path / "host" / "widget.git", 3, commits=4)
    with plain_host(tmp_path / "host") as found:
        yield f"{found}/widget.git"


def desired(case: Case, url: str, npub: str) -> None:
    more = f"repositories:\n  alice/widget: {{source: {url}, states: adopt}}\n"
    file = case.desired(more, signer=True)
    file.write_text(file.read_text().replace(case.owner.npub, npub))
    (case.folder / "keys").unlink()


def handed(text: str) -> int:
    there, here = os.pipe()
    os.write(here, text.encode())
    os.close(here)
    return there


@dataclass
class Scene:
    """One case and the secrets that must show nowhere."""

    case: Case
    canaries: Canaries
    children: set[str] = field(default_factory=set)

    def call(self, *words: str, stdin: str = "", fds: tuple[int, ...] = (), **more: str) -> int:
        """Call the program, and scan what it shows while it runs."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.case.folder)} | more
        base = ("-f", str(self.case.folder / "desired-state.yaml"), *words)
        argv = command(self.case.folder, *base)
        done = watched(argv, env=env, stdin=stdin.encode(), pass_fds=fds)
        self.canaries.scan("stdout", done.out)
        self.canaries.scan("stderr", done.err)
        for where, data in done.seen.items():
            self.canaries.scan(where, data)
        assert done.seen["its arguments"]
        self.children |= {where for where in done.seen if "a child" in where}
        return done.code

    def left(self, *homes: Path) -> list[str]:
        """Where secrets were seen, all files included but those where they have their home."""
        for name in ("state", "reports", "servers"):
            self.canaries.scan_folder(self.case.folder / name, but=homes)
        self.canaries.scan("the plan", (self.case.folder / "plan.json").read_bytes())
        return self.canaries.hits


def test_keys_in_a_file_a_variable_and_under_a_passphrase(case: Case, url: str) -> None:
    case.start("one", family="spec")
    owner, other = case.owner, new("other")
    desired(case, url, owner.npub)
    words = nostr_sdk.SecretKey.parse(other.secret.hex())
    unknown = nostr_sdk.KeySecurity.UNKNOWN
    sealed = nostr_sdk.EncryptedSecretKey(words, WORDS, 16, unknown).to_bech32()
    names = {"the key": owner.secret, "the sealed key": other.secret}
    scene = Scene(case, Canaries(names | {"the passphrase": WORDS.encode()}))
    text = f"owner-key: {owner.nsec()}\nother: {sealed}\n"
    plan = str(case.folder / "plan.json")
    assert scene.call("--plan", "-v", "--out", plan) == 0
    there, phrase = handed(text), handed(WORDS)
    apply = ("--apply", "-v", "--signers", f"fd:{there}", "--passphrase-fd", str(phrase))
    assert scene.call(*apply, fds=(there, phrase)) == 0
    history.extend(case.folder / "host" / "widget.git", 1)
    plain = f"owner-key: {owner.secret.hex()}\n"
    variable = ("--apply", "--format", "json", "--signers", "env:OURS")
    assert scene.call(*variable, OURS=plain) == 0
    history.extend(case.folder / "host" / "widget.git", 2)
    wrong = f"owner-key: {owner.nsec()[:-1]}\n"
    assert scene.call("--apply", "--signers", "env:OURS", OURS=wrong) == 78
    there, phrase = handed(text), handed(WORDS + "x")
    again = ("--apply", "--signers", f"fd:{there}", "--passphrase-fd", str(phrase))
    assert scene.call(*again, fds=(there, phrase)) == 78
    assert scene.left() == []
    assert any("environment" in where for where in scene.children)


def test_a_pairing_and_what_it_says(case: Case, url: str, relay: RunningServer) -> None:
    case.start("one", family="spec")
    approved = False

    def play(b: Bunker, r: Json, c: str) -> Iterable[str]:
        return [b.answer(r, c)] if approved or r["method"] != "sign_event" else []

    with Bunker(relay.relay_url, play=play, secret=secrets.token_hex(16)) as bunker:
        desired(case, url, nip19.npub(bunker.signs_for))
        file = case.folder / "keys"
        file.touch(mode=0o600)
        file.write_text("owner-key: bunker\n")
        scene = Scene(case, Canaries({"the bunker's secret": bunker.secret.encode()}))
        assert scene.call("pair", "owner-key", stdin=bunker.uri + "\n") == 0
        home = case.folder / "state" / "signers" / "owner-key.json"
        client = bytes.fromhex(json.loads(home.read_text())["client"])
        secret = bytes.fromhex(bunker.user.secret_key().to_hex())
        found = scene.canaries.hits
        scene.canaries = Canaries(
            {"the client key": client, "the user's key": secret, **scene.canaries.secrets}, found
        )
        assert scene.call("--plan", "--out", str(case.folder / "plan.json")) == 0
        signers = ("--apply", "-v", "--signers", str(file), "--approval-wait", "1s")
        assert scene.call(*signers) == 7
        approved = True
        assert scene.call(*signers) == 0
        assert scene.left(home) == []
        assert "the client key" in Canaries(scene.canaries.secrets).scanned(home)


@pytest.mark.parametrize(
    "leak",
    [
        bytes,
        lambda k: k.hex().encode(),
        lambda k: k.hex().upper().encode(),
        lambda k: nip19.encode("nsec", k).encode(),
        base64.b64encode,
        lambda k: quote(k).encode(),
        lambda k: repr(k).encode(),
        lambda k: k.hex()[::-1].encode(),
    ],
)
def test_a_planted_leak_is_found(tmp_path: Path, leak: Callable[[bytes], bytes]) -> None:
    key = secrets.token_bytes(32)
    (tmp_path / "log").write_bytes(b"2026-11-24 signed with " + leak(key) + b" at noon")
    found = Canaries({"key": key})
    found.scan_folder(tmp_path)
    assert found.hits


def test_a_leak_to_a_child_is_found() -> None:
    key = secrets.token_hex(32)
    env = {"K": key, "PATH": os.environ["PATH"]}
    done = watched(["sh", "-c", "sleep 0.3; true"], env=env)
    found = Canaries({"key": bytes.fromhex(key)})
    for where, data in done.seen.items():
        found.scan(where, data)
    assert any("environment of a child" in hit for hit in found.hits)
