"""What a git child is given: environment, settings and limits. Values; nothing is opened.

Nothing of ours is inherited: no HOME, no configuration, no credentials. git parses untrusted packs
in the child and not in our process, because a 232-byte pack can ask for 4 GB.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.limits import CHILD_CPU_SECONDS, CHILD_MEMORY_BYTES, PACK_BYTES

QUIET: Final[Mapping[str, str]] = {
    "core.hooksPath": os.devnull,
    "gc.auto": "0",
    "maintenance.auto": "false",
}
"""For every git: it runs nobody's programs, and does nothing that it was not asked for."""

STRANGERS: Final[Mapping[str, str]] = {
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "http.proxy": "",
    "http.cookieFile": "",
    "credential.helper": "",
    "transfer.credentialsInUrl": "die",
    "transfer.bundleURI": "false",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
}
"""For a git that talks to somebody's server: that one and no other, and it learns nothing of us."""

CHECKED: Final[Mapping[str, str]] = {
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    "receive.fsckObjects": "true",
    "core.bigFileThreshold": "64m",
    "core.fsync": "all",
    "core.packedGitLimit": "64m",
    "core.packedGitWindowSize": "8m",
    "core.deltaBaseCacheLimit": "32m",
    "pack.threads": "1",
    "safe.bareRepository": "explicit",
}
"""For a git that keeps what strangers made: it looks at each object, in little memory, and what it
wrote outlives a power cut (by itself git syncs neither loose objects nor refs)."""

_LIMITED: Final = (
    f"ulimit -v {CHILD_MEMORY_BYTES // 1024}; ulimit -t {CHILD_CPU_SECONDS}; "
    f'ulimit -f {PACK_BYTES // 512}; ulimit -c 0; exec "$@"'
)
"""Units: KiB, seconds, 512-byte blocks. In the child's own shell: limits that Python sets between
fork and exec are not safe in a program with threads."""


def limited(command: Sequence[str]) -> list[str]:
    """The command under limits on memory, processor time and the size of each file."""
    return ["/bin/sh", "-c", _LIMITED, "sh", *command]


def environment(
    home: Path,
    settings: Mapping[str, str] | None = None,
    *,
    protocols: str | None = None,
    path: str = os.defpath,
) -> dict[str, str]:
    """The whole environment of a git child.

    Args:
        home: an empty folder of ours.
        settings: git's configuration, on top of the repository's own.
        protocols: what GIT_ALLOW_PROTOCOL permits, colon-separated; None: as the settings say.
        path: where programs are looked for.
    """
    found = {
        "PATH": path,
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_SSH_COMMAND": "/bin/false",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_COUNT": str(len(settings or {})),
    }
    for number, (key, value) in enumerate((settings or {}).items()):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found if protocols is None else found | {"GIT_ALLOW_PROTOCOL": protocols}
