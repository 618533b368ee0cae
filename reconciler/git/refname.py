"""Ref names: git's own rules (git-check-ref-format) and the namespaces that we touch."""

from __future__ import annotations

import re
from functools import lru_cache

from reconciler.limits import REF_BYTES

_BAD = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$|^/|^\.")
_NOSTR = re.compile(r"refs/nostr/[0-9a-f]{64}")

HEADS = "refs/heads/"
TAGS = "refs/tags/"
NOSTR = "refs/nostr/"


@lru_cache(maxsize=2**14)
def is_valid(name: str) -> bool:
    """Would `git check-ref-format` accept this full name (at least one slash)? Remembered: the
    branches of many repositories are called the same, and every server shows them."""
    return (
        "/" in name
        and name != "@"
        and _BAD.search(name) is None
        and len(name.encode("utf-8", "surrogatepass")) <= REF_BYTES
    )


def is_branch_or_tag(name: str) -> bool:
    """A valid name under refs/heads/ or refs/tags/: what a state may declare."""
    return name.startswith((HEADS, TAGS)) and is_valid(name)


def is_ours(name: str) -> bool:
    """Heads, tags and refs/nostr/<64 hex>: the only names that are ever fetched or pushed."""
    return is_branch_or_tag(name) or _NOSTR.fullmatch(name) is not None


def clash(names: frozenset[str]) -> tuple[str, str] | None:
    """Two names of which one is a directory of the other; a files back end cannot hold both."""
    for name in sorted(names):
        parent = name
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in names:
                return parent, name
    return None
