"""One action at a time: sign, send, push. Each says how it ended, and raises what the world did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.apply.ledger import End
from reconciler.model.actions import Action, Push, Sign
from reconciler.model.observed import Cause, Unknown
from reconciler.model.outcome import Result
from reconciler.model.plan import Plan
from reconciler.nostr import kinds
from reconciler.nostr.event import Event, newest_first
from reconciler.nostr.filters import Filter
from reconciler.nostr.messages import Ok
from reconciler.world import NotGathered, Pushed, Signer, Stale, Watcher, World

_SUPERSEDED = ("error: unknown", "duplicate:", "replaced:")
"""Refusals that mean "already there, or something newer is" (ngit-grasp; docs/protocol.md §1.3)."""
_LIMITED = "rate-limited:"
"""NIP-01: not now."""
_PASSING = frozenset({Cause.TIMEOUT, Cause.CUT, Cause.REFUSED, Cause.RESOLVE, Cause.RATE})
"""Why objects could not be had that may be there all the same."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """`events` are those that may be sent, by id; what is signed joins them."""

    plan: Plan
    world: World
    watcher: Watcher
    events: dict[str, Event]

    def sign(self, sign: Sign, signer: Signer | None) -> End:
        """Sign, unless somebody signed another version since the plan was made (compare and swap).

        Raises:
            Failure: the servers could not be asked.
            Stale: there is a newer version.
            OSError: what was signed cannot be written down.
        """
        if signer is None or signer.public_key(sign.signer) is None:
            return End(Result.HELD, f"no key named {sign.signer!r} was given (--signers)")
        self._refuse_if_renewed(sign)
        event = signer.sign(sign.signer, sign.draft)
        # before anybody can hear of it: servers may keep it unseen, and lose it
        self.world.store((*self.world.unserved(), event))
        self.events[event.id] = event
        return End(Result.DONE)

    def _refuse_if_renewed(self, sign: Sign) -> None:
        """Raises Failure, Stale: whoever may speak has signed another version in the meantime."""
        coordinate, kind = sign.coordinate, sign.draft.kind
        authority = {r.coordinate: r.authority for r in self.plan.repositories}
        newest = Filter(
            kinds=(kind,),
            authors=authority[coordinate] if kind == kinds.STATE else (coordinate.owner,),
            tags=(("d", (coordinate.identifier,)),),
        )
        what = "state" if kind == kinds.STATE else "announcement"
        before = self.events[sign.before] if sign.before else None
        for server in (s for s in self.plan.servers if s.unknown is None):
            for event in self.world.relay(server.url).query([newest]):
                if event.id in self.events:
                    continue  # it was judged when the plan was made
                if before is None or newest_first(event) < newest_first(before):
                    raise Stale(f"a newer {what}, {event.id[:12]}, is on {server.name}")

    def push(self, push: Push) -> End:
        """One push, conditional on what stands there. Raises Failure, Stale."""
        self.keep(push)
        oids = frozenset(update.new for update in push.updates if not update.deletes)
        bad = self.world.gather(push.coordinate, oids, push.sources)
        return replace(self._pushed(push), bad_sources=bad)

    def _pushed(self, push: Push) -> End:
        pushed = self.world.push(push.server, push.coordinate, push.updates)
        if pushed.refused and any(update.deletes for update in push.updates):
            # git deletes no branch that HEAD names, and some families move HEAD after a push only
            pushed = self._in_two(push)
        if not pushed.sent:
            return End(Result.UNCHANGED, "the server had aligned by itself")
        if pushed.refused:
            name, why = pushed.refused[0]
            return End(Result.FAILED, f"{len(pushed.refused)} refs refused, {name}: {why}")
        return End(Result.SETTLING, pushed.words)

    def keep(self, action: Action) -> None:
        """What a server will drop is brought into the archive first: it may stand nowhere else. A
        state makes servers drop refs by themselves, so that events are asked, too.

        A server that cannot give it any more has nothing to lose. Raises Failure.
        """
        forced = {(one.server, one.old): one for one in self.plan.forced}
        server = action.server or ""
        for update in action.changes:
            if update.creates or (not update.deletes and (server, update.old) not in forced):
                continue
            try:
                self.world.keep(action.coordinate, update.old, (server,))
            except NotGathered as failure:
                if any(bad.unknown.cause in _PASSING for bad in failure.bad):
                    raise

    def send(self, server: str, actions: Sequence[Action]) -> tuple[End, ...]:
        """Events in one conversation, in order; the budget has paid for them. Raises Failure."""
        events = [self.events[action.sends] for action in actions if action.sends]
        answers = self.world.relay(server).publish(events)
        return tuple(self._judged(server, answer) for answer in answers)

    def _judged(self, server: str, answer: Ok | Unknown) -> End:
        """OK proves nothing (read-back does); a refusal may yet mean "already so"."""
        if isinstance(answer, Unknown):
            return End.without(answer, now=self.world.now())
        if answer.accepted:
            return End(Result.SETTLING, answer.message)
        if answer.message.startswith(_LIMITED):
            return End(Result.DEFERRED, answer.message, self.world.limited(server))
        if answer.message.startswith(_SUPERSEDED):
            return End(Result.UNCHANGED, answer.message)
        return End(Result.FAILED, answer.message)

    def _in_two(self, push: Push) -> Pushed:
        """What is written first, then what is deleted. Raises Failure, Stale."""
        writes = tuple(update for update in push.updates if not update.deletes)
        deletes = tuple(update for update in push.updates if update.deletes)
        # without writes it is the empty push, after which HEAD moves, too
        pushed = self.world.push(push.server, push.coordinate, writes)
        return pushed if pushed.refused else self.world.push(push.server, push.coordinate, deletes)
