"""How mistakes quote the file: shortened, printable, and never a secret."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

from reconciler.desired.places import Path

SECRET = re.compile(r"(?:nsec|ncryptsec)1[02-9ac-hj-np-z]{6,}", re.IGNORECASE)
"""The readable forms of a secret key (NIP-19, NIP-49), also with a typing mistake in them."""

LEAK_REMEDY = (
    "remove it and treat that key as leaked: it is in your editor's and git's history; "
    "keys stand in a key file, and this file only names them (signer: …)"
)

# a long hex number may be a secret key, too
_HIDDEN = re.compile(r"((?:nsec|ncryptsec)1)\w*|[0-9a-f]{32,}", re.IGNORECASE)
_USER = re.compile(r"(?:(://)|^[^/@]*:).*@", re.DOTALL)
"""What stands before the `@` of a URL: perhaps a password or a token."""
_QUOTED_CHARS = 80
_SUGGEST_FROM = 200  # difflib is slow, and nobody picks from a longer list
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def hide(text: str) -> str:
    """The text without what is, or could be, a secret key."""
    return _HIDDEN.sub(lambda found: (found[1] or "") + "…", text)


def show(text: str) -> str:
    """The text in quotes, for a message; of a URL, without user and password."""
    hidden = hide(_USER.sub(lambda found: (found[1] or "") + "…@", text))
    short = hidden if len(hidden) <= _QUOTED_CHARS else hidden[:_QUOTED_CHARS] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def name(path: Path) -> str:
    """How people write a place: `servers[2].throttle.concurrency`."""
    text = ""
    for step in path:
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            text += f".{step}"
        else:
            text += f"[{show(step) if isinstance(step, str) else step}]"
    return text.removeprefix(".") or "the file"


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant; None when nothing is near."""
    candidates = {k.lower(): k for _, k in zip(range(_SUGGEST_FROM), known, strict=False)}
    if len(word) > _QUOTED_CHARS:
        return None
    near = difflib.get_close_matches(word.lower(), candidates, n=1)
    return candidates[near[0]] if near else None


def one_of(word: str, known: Iterable[str], what: str) -> str:
    """The remedy for a word that is not among the known ones."""
    words = list(known)
    meant = suggest(word, words)
    listed = ", ".join(words[:20]) + (", …" if len(words) > 20 else "")
    listing = f"{what}: {listed or 'none'}"
    return f'did you mean "{meant}"? {listing}' if meant else listing
