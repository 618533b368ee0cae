"""One run from files to files: reads, wires the real world into the pipeline, shows, writes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.cli import keys, provenance
from reconciler.cli.guarded import Caught, signals
from reconciler.cli.places import REPORTS, STATE, probe
from reconciler.cli.session import NOWHERE, Session
from reconciler.cli.shown import finish, show_plan
from reconciler.cli.timing import Timed
from reconciler.desired import parse
from reconciler.edge.clock import Clock
from reconciler.edge.files import locked, read
from reconciler.edge.fleet import Fleet
from reconciler.edge.paper import Paper
from reconciler.edge.stop import Stop
from reconciler.errors import Mistake, UserFault
from reconciler.limits import SAVED_PLAN_BYTES, YAML_BYTES
from reconciler.model.codec import plan_from_json
from reconciler.model.desired import Desired
from reconciler.model.options import Options
from reconciler.model.outcome import Report
from reconciler.nostr.event import Draft
from reconciler.pipeline import Run, run
from reconciler.report.build import Header, build
from reconciler.report.codes import Exit
from reconciler.report.progress import Bar
from reconciler.report.safe import safe
from reconciler.sign.bunker.queue import Queue

if TYPE_CHECKING:
    from reconciler.cli.signing import RunSigner

MakeClock = Callable[[Stop, float], Clock]
"""A run's clock, from what ends the run and the seconds that it may take."""


def reconcile(session: Session, clock: MakeClock = Clock) -> tuple[int, ...]:
    """`reconcile --plan` and `--apply`; the exit codes that hold, worst first."""
    text = read(session.file, limit=YAML_BYTES, what="desired state")
    with signals() as caught:
        return once(session, text, caught, clock)


def once(
    session: Session, text: bytes, caught: Caught, clock: MakeClock = Clock
) -> tuple[int, ...]:
    """One run; `text` is the desired state. The exit codes that hold, worst first."""
    made = clock(caught.stop, session.duration)
    base = _base(session)
    options = _options(session)
    signer = None
    if session.keys and options.write:
        signer = import_module("reconciler.cli.signing").RunSigner(session)
    started = datetime.now(UTC)
    if session.apply:
        _keep(session)
    lock = locked(session.state_dir) if options.write else nullcontext()
    with lock, Bar(session.progress, caught.stop) as bar:
        watcher = Timed(bar)
        done = run(
            text,
            str(session.file),
            options,
            lambda desired: _connect(session, _confined(desired, base), signer, made),
            signer,
            watcher,
            lambda plan, findings: show_plan(session, plan, findings, base),
        )
    header = _header(session, options, started, watcher)
    return finish(session, _report(header, done, caught))


def _base(session: Session) -> Desired | None:
    if session.base is None:
        return None
    return parse(read(session.base, limit=YAML_BYTES, what="base"), place=str(session.base))


def _confined(desired: Desired, base: Desired | None) -> Desired:
    """A change under review must not open a way into the network that it is planned in."""
    if base is None:
        return desired
    networks = tuple(n for n in desired.policies.allow_private if n in base.policies.allow_private)
    return replace(desired, policies=replace(desired.policies, allow_private=networks))


def _keep(session: Session) -> None:
    """A state folder, which an apply cannot do without."""
    if session.state_dir == NOWHERE:
        raise UserFault(Mistake("the state folder", "there is no home to keep it in", STATE))
    probe(session.state_dir, "state folder", STATE, mode=0o700)


def _options(session: Session) -> Options:
    if session.saved is None:
        return session.options
    raw = read(session.saved, limit=SAVED_PLAN_BYTES, what="plan")
    return replace(session.options, saved=plan_from_json(raw, place=str(session.saved)))


@contextmanager
def _connect(
    session: Session, desired: Desired, signer: RunSigner | None, clock: Clock
) -> Iterator[Fleet]:
    if session.keys and signer:
        keys.check(session.keys, signer, desired)
    with _state(session, desired) as state, Fleet(desired, state, clock, asked(state)) as fleet:
        if signer:
            signer.connect(fleet.mailbox)
        if fleet.warning:
            session.say(f"warning: {fleet.warning}")
        if session.apply:
            probe(session.report_dir, "report folder", REPORTS)
            fleet.repair()  # the lock is held, so what lies about is a dead run's
        yield fleet


def asked(state: Path) -> Callable[[], tuple[Draft, ...]]:
    """What remote signers were asked for: a plan asks for the very same, and needs no key."""
    waiting = Queue(Paper(state / "asked.json"))
    return lambda: waiting.drafts(now=int(datetime.now(UTC).timestamp()))


@contextmanager
def _state(session: Session, desired: Desired) -> Iterator[Path]:
    """The state folder. A plan that has none borrows one where sources must be read: what they
    bring is then thrown away."""
    if session.apply or session.state_dir.is_dir():
        yield session.state_dir
        return
    place = safe(str(session.state_dir))
    session.say(f"no state at {place} (--state-dir): planned without memory of earlier runs")
    with ExitStack() as held:
        state = session.state_dir
        if desired.sources:
            with suppress(OSError):
                state = Path(held.enter_context(TemporaryDirectory(prefix="reconcile-")))
        yield state


def _header(session: Session, options: Options, started: datetime, watcher: Timed) -> Header:
    run_id = f"{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    form = "%Y-%m-%dT%H:%M:%SZ"
    finished = datetime.now(UTC).strftime(form)
    mode = "apply" if session.apply else "plan"
    return Header(
        run_id=run_id,
        mode=mode,
        started=started.strftime(form),
        finished=finished,
        tool=__version__,
        actor=provenance.actor(),
        commit=provenance.commit(session.file),
        shard=options.shard,
        limit=options.limit,
        stages=watcher.stages(),
    )


def _report(header: Header, done: Run, caught: Caught) -> Report:
    extra = [Exit.STALE_PLAN] if done.stale else []
    notes = [*done.stale, *done.fell, *done.notes]
    extra += [Exit.CHANGES] if done.fell else []
    extra += [Exit.FAILED] if done.notes else []
    if caught.code:
        extra.append(caught.code)
        notes.append("stopped by a signal")
    return build(
        header,
        done.plan,
        done.findings,
        outcomes=done.outcomes,
        remaining=done.remaining,
        extra=extra,
        notes=tuple(notes),
    )
