"""The last act of `make demo`: somebody with a repository on a plain git host and a key, and four
empty servers of four families."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.nostr import urls
from reconciler.sandbox.demo import history
from reconciler.sandbox.demo.authors import Author, new
from reconciler.sandbox.demo.host import plain_host
from reconciler.sandbox.server import RunningServer, ServerSpec, start

FAMILIES = ("ngit-grasp", "spec", "ngit-relay", "khatru")
IDENTIFIER = "telescope"


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """Who it is, where the repository comes from, and where it is to go."""

    person: Author
    folder: Path
    source: Path
    url: str
    servers: tuple[RunningServer, ...]

    @property
    def desired(self) -> Path:
        """The desired state: four servers, one npub, one source."""
        return self.folder / "erin.yaml"

    @property
    def keys(self) -> Path:
        """The key file."""
        return self.folder / "erin.keys"

    def commit(self) -> str:
        """One commit more at the source; its id."""
        return history.extend(self.source, 1)

    def clones(self) -> tuple[str, ...]:
        """The main branch that `git clone` brings from each server, in their order."""
        found = []
        for number, server in enumerate(self.servers):
            into = self.folder / f"clone-{number}-{len(list(self.folder.iterdir()))}"
            clone = urls.clone(server.url, self.person.pubkey, IDENTIFIER)
            history.git(None, "clone", "--quiet", "--mirror", clone, str(into))
            found.append(history.refs(into)["refs/heads/main"])
        return tuple(found)


@contextmanager
def newcomer(folder: Path) -> Iterator[Newcomer]:
    """Start the git host and the servers, and write erin's two files."""
    folder.mkdir(parents=True)
    with ExitStack() as held:
        url = held.enter_context(plain_host(folder / "host"))
        servers = []
        for family in FAMILIES:
            where = folder / "servers" / family
            spec = ServerSpec(name=family, directory=where, family=family, rate_limits=False)
            servers.append(start(spec))
            held.callback(servers[-1].stop)
        found = Newcomer(
            person=new("erin"),
            folder=folder,
            source=history.create(folder / "host" / f"{IDENTIFIER}.git", 77),
            url=f"{url}/{IDENTIFIER}.git",
            servers=tuple(servers),
        )
        _write(found)
        yield found


def _write(found: Newcomer) -> None:
    names = ("north", "east", "south", "west")
    lines = [
        "version: 1",
        "servers:",
        *(
            f"  - {{url: {server.url}, name: {name}}}"
            for server, name in zip(found.servers, names, strict=True)
        ),
        f"npubs: [{{npub: {found.person.npub}, name: erin, signer: erin-key}}]",
        "repositories:",
        f"  erin/{IDENTIFIER}: {{source: {found.url}, states: adopt}}",
        "policies: {egress: {allow_private: [127.0.0.0/8]}}",
    ]
    found.desired.write_text("\n".join(lines) + "\n")
    found.keys.touch(mode=0o600)
    found.keys.write_text(f"erin-key: {found.person.nsec()}\n")
