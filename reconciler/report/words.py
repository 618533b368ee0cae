"""Words for what a plan holds: counts with their nouns, kinds of events, refs, places. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import singledispatch

from reconciler.git.receive_pack import RefUpdate
from reconciler.model.actions import Action, Publish, Push, Sign, Wave, Why
from reconciler.nostr import kinds
from reconciler.report.safe import safe

_NAMES = {
    kinds.ANNOUNCEMENT: "announcement",
    kinds.STATE: "state",
    kinds.PATCH: "patch",
    kinds.PULL_REQUEST: "pull request",
    kinds.PULL_REQUEST_UPDATE: "pull request update",
    kinds.ISSUE: "issue",
    kinds.COMMENT: "comment",
    kinds.NOTE: "note",
    kinds.LABEL: "label",
    kinds.REACTION: "reaction",
    kinds.DELETION: "deletion",
} | dict.fromkeys(kinds.STATUSES, "status")


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith(("s", "ch", "sh")):
        return f"{count} {noun}es"
    # "repositories", yet "keys"
    ends_in_y = noun.endswith("y") and noun[-2] not in "aeiou"
    return f"{count} {noun[:-1]}ies" if ends_in_y else f"{count} {noun}s"


def kind_name(kind: int) -> str:
    """What people call events of this kind."""
    return _NAMES.get(kind, f"kind {kind}")


def counted(found: Iterable[int]) -> str:
    """Kinds of events, each with its count."""
    counts = Counter(map(kind_name, found))
    return ", ".join(plural(count, name) for name, count in sorted(counts.items()))


def describe(update: RefUpdate) -> str:
    """One ref of a push."""
    name = safe(update.name)
    if update.creates:
        return f"+ {name}  {update.new[:10]}"
    if update.deletes:
        return f"- {name}  was {update.old[:10]}"
    return f"~ {name}  {update.old[:10]} → {update.new[:10]}"


def on(hosts: Sequence[str]) -> str:
    """Where."""
    return "on " + ", ".join(hosts)


def listed(names: Sequence[str], most: int) -> str:
    """Names on one line; those beyond `most` are counted, never cut off."""
    shown = ", ".join(names[:most])
    left = len(names) - most
    return f"{shown} and {left} more" if left > 0 else shown


@singledispatch
def deed(action: Action) -> str:
    """One action as the plan words it, without its repository and its server."""
    return str(action.verb)


@deed.register
def _(action: Sign) -> str:
    first = "first " if action.before is None else ""
    again = " again" if action.why is Why.SERVER_STUCK else ""
    return f"sign the {first}{kind_name(action.draft.kind)}{again}"


@deed.register
def _(action: Push) -> str:
    noun = "pull ref" if action.wave == Wave.PULLS else "ref"
    return f"push {plural(len(action.updates), noun)}"


@deed.register
def _(action: Publish) -> str:
    new = "new " if action.signed else ""
    return f"send {new}{kind_name(action.kind)}"


def clock(moment: int) -> str:
    """A time of day; `moment` in seconds since 1970."""
    minutes = moment // 60
    return f"{minutes // 60 % 24:02}:{minutes % 60:02} UTC"
