"""Programs that stand beside ours: where they are, and what to install where they are not."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BESIDE = "/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Program:
    """A program by name, and how a person gets it."""

    name: str
    install: str

    def find(self) -> str | None:
        """Its absolute path; administrators' programs stand outside the PATH of users."""
        if self.name == "git-http-backend":
            return _backend()
        return shutil.which(self.name) or shutil.which(self.name, path=_BESIDE)

    def path(self) -> str:
        """Its absolute path. Raises SystemExit: it is not there."""
        found = self.find()
        if found is None:
            raise SystemExit(f"{self.name} is missing: {self.install}")
        return found


GIT = Program("git", "apt-get install git")
BACKEND = Program("git-http-backend", "apt-get install git (it stands in git --exec-path)")
CURL = Program("curl", "apt-get install curl (7.66 or newer, for --parallel)")
NGINX = Program("nginx", "apt-get install nginx-light, or any nginx with its FastCGI module")
FCGIWRAP = Program("fcgiwrap", "apt-get install fcgiwrap")


def _backend() -> str | None:
    git = GIT.find()
    if git is None:
        return None
    done = subprocess.run([git, "--exec-path"], capture_output=True, text=True, check=False)
    place = Path(done.stdout.strip()) / "git-http-backend"
    return str(place) if place.exists() else None
