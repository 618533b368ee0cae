"""A remote signer (NIP-46) that is nobody's of this project: nak's bunker, on nak's own relay."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nostr_sdk

from tests.kit.outsiders import Outsider

from .programs import Server, end
from .scenario import converge, scenario
from .scenarios_ngit import look
from .scenarios_source import meant, newcomer_of
from .world import World, require

_URI = re.compile(r"bunker://[0-9a-f]{64}\?\S+")
_SECONDS = 15.0


def _relay(world: World) -> Server:
    """nak's relay, for nothing but what bunker and client say to each other."""
    path = world.folder / "relay.sh"
    nak = world.programs.tools["nak"]
    path.write_text(f'#!/bin/sh\nexec {nak} serve --hostname 127.0.0.1 --port "$1"\n')
    path.chmod(0o755)
    found = Server("nak", (str(path),), world.folder / "bunker-relay")
    found.start()
    return found


@contextmanager
def _bunker(world: World, owner: Outsider, relay: Server, *words: str) -> Iterator[str]:
    """`nak bunker` with the owner's key; its connection string."""
    log = world.folder / f"bunker-{time.monotonic_ns()}.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.folder)}
    environment["NOSTR_SECRET_KEY"] = owner.keys.secret_key().to_hex()
    call = [world.programs.tools["nak"], "bunker", *words, relay.relay_url]
    with log.open("wb") as out:
        process = subprocess.Popen(
            call, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until = time.monotonic() + _SECONDS
        while not (found := _URI.search(log.read_text("utf-8", "replace"))):
            require(time.monotonic() < until, f"no string of nak's: {log.read_text()[-300:]}")
            time.sleep(0.1)
        yield found[0]
    finally:
        end(process)


def _client(world: World) -> str:
    """Our pubkey for the pairing, by nostr-sdk."""
    kept = json.loads((world.folder / "state" / "signers" / "alice-key.json").read_text())
    return str(nostr_sdk.Keys.parse(kept["client"]).public_key().to_hex())


@scenario("a bunker: paired, asked while it is away, and signs when it is back", "nak")
def bunker(world: World) -> None:
    """The owner's key is nowhere but in nak's bunker."""
    with newcomer_of(world) as (owner, source):
        relay = _relay(world)
        try:
            _play(world, owner, relay)
            repo = meant(world, owner, source)
            look(world, repo, repo.refs)
            converge(world)
        finally:
            relay.stop()


def _play(world: World, owner: Outsider, relay: Server) -> None:
    signers = Path(world.folder / "signers")
    signers.touch(mode=0o600)
    signers.write_text("alice-key: bunker\n")
    apply = ("--apply", "--signers", signers, "--approval-wait", "3s")
    with _bunker(world, owner, relay, "-s", "once") as uri:
        paired = subprocess.run(
            world.argv("pair", "alice-key", "--seconds", "15"),
            input=f"{uri}\n",
            env=world.environment(),
            cwd=world.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        require(paired.returncode == 0, f"no pairing: {paired.stdout}{paired.stderr}")
        require(owner.npub in paired.stdout, f"it signs for somebody else: {paired.stdout}")
    asked = world.reconcile(*apply)
    require(asked.code == 7, f"exit {asked.code} without the bunker: {asked.tail()}")
    require(asked.report["signatures"] == 0, "something was signed without the bunker")
    with _bunker(world, owner, relay, "-k", _client(world)):
        done = world.reconcile(*apply)
    require(done.code == 0, f"exit {done.code} with the bunker back: {done.tail()}")
    require(done.report["signatures"] == 2, f"{done.report['signatures']} signatures")
