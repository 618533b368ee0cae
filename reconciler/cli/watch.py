"""`reconcile watch`: runs by itself, each interval and whenever a relay tells of something new."""

from __future__ import annotations

import hashlib
import io
import secrets
import sys
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from glob import escape
from threading import Condition, Thread
from typing import Final

import click
from rich.console import Console

from reconciler.cli.arguments import Duration
from reconciler.cli.guarded import Caught, guarded, mistaken
from reconciler.cli.interrupts import listen
from reconciler.cli.job import once
from reconciler.cli.serve import HOST, PORT, listening
from reconciler.cli.session import Session
from reconciler.cli.sources import Folder
from reconciler.cli.subscriptions import Subscriptions
from reconciler.desired import parse
from reconciler.edge import systemd
from reconciler.edge.files import read
from reconciler.edge.reports import LATEST, Reports
from reconciler.edge.stop import Stop
from reconciler.errors import UserFault
from reconciler.limits import LIVE_REMEMBERED, YAML_BYTES
from reconciler.model.desired import Desired
from reconciler.model.outcome import Report
from reconciler.nostr.event import Event
from reconciler.pacing.rounds import Due, Rounds
from reconciler.report.codes import Exit, leaving
from reconciler.report.safe import safe
from reconciler.report.story import story

_LOOK_SECONDS: Final = 2.0
"""How often the desired state's file is looked at, where that is asked for."""
_GRACE_SECONDS: Final = 600.0
"""How much longer than its bound a run may take before the daemon counts as stuck."""


@click.command(name="watch")
@click.option("--apply", "write", is_flag=True, help="Bring it about; without it, only plan.")
@click.option("--interval", type=Duration(), default="15m", show_default=True)
@click.option("--jitter", type=Duration(), default="60s", show_default=True)
@click.option("--no-live", is_flag=True, help="Do not listen to relays between runs.")
@click.option("--on-change", is_flag=True, help="Read the desired state again when it changes.")
@click.option("--host", default=HOST, show_default=True, help="Address to serve the pages on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True)
@click.option("--no-serve", is_flag=True, help="Serve no pages.")
@click.pass_obj
def command(  # click's own words
    session: Session,
    /,
    write: bool,
    interval: float,
    jitter: float,
    no_live: bool,
    on_change: bool,
    host: str,
    port: int,
    no_serve: bool,
) -> None:
    """Run each interval, and at once for a repository of which a relay tells something new.

    SIGHUP reads the desired state again; a wrong one is refused while the old one stays. SIGTERM
    ends what is under way and leaves. The pages of `reconcile serve` are there meanwhile.
    """

    def do() -> Sequence[int]:
        rounds = Rounds(interval=interval, jitter=jitter)
        daemon = Daemon(session, rounds, write=write, live=not no_live, on_change=on_change)
        source = Folder(session.report_dir, daemon.alive)
        server = None if no_serve else listening(host, port, source)
        if server:
            server.start()
            session.say(f"serving {server.url}")
        try:
            return daemon.run()
        finally:
            if server:
                server.end()

    sys.exit(leaving(guarded(session, do), without=session.exit_zero_on))


class _Nowhere(io.StringIO):
    """Takes every text and keeps none."""

    def write(self, text: str) -> int:
        """Forget it."""
        return len(text)


class Daemon:
    """The loop. Runs happen in the thread that calls `run`; everybody else only wakes it."""

    def __init__(
        self, session: Session, rounds: Rounds, *, write: bool, live: bool, on_change: bool
    ) -> None:
        """Raises UserFault: the desired state is wrong at the start."""
        nowhere = Console(file=_Nowhere())
        options = replace(session.options, write=write)
        self._session = replace(session, apply=write, quiet=True, stdout=nowhere, options=options)
        self._say = session.say
        self._rounds = rounds
        self._on_change = on_change
        self._interrupts = listen()
        self._stop = self._interrupts.stop
        self._condition = Condition()
        self._text, self._desired = self._read()
        self._digest = b""
        self._reload = False
        self._heard: OrderedDict[str, None] = OrderedDict()
        self._subscriptions = Subscriptions(self._event) if live else None
        self._current: Stop | None = None
        self._since = time.monotonic()
        self._busy = False

    def run(self) -> Sequence[int]:
        """Until a signal."""
        self._interrupts.on_hangup = self._hang_up
        self._stop.wakes(self._wake)
        Thread(target=self._tend, daemon=True).start()
        self._subscribe()
        systemd.tell("READY=1")
        while not self._stop.is_set():
            self._reread()
            decided = self._rounds.decide(time.monotonic(), secrets.randbelow(1000) / 1000)
            if isinstance(decided, Due):
                self._one(decided)
            else:
                self._wait(decided.at)
        systemd.tell("STOPPING=1")
        if self._subscriptions:
            self._subscriptions.end()
        return (Exit.DONE,)

    def alive(self) -> bool:
        """Does the loop still turn? A run may take as long as it may."""
        patience = self._session.duration + _GRACE_SECONDS
        return not self._busy or time.monotonic() - self._since < patience

    def _one(self, due: Due) -> None:
        """One run, whose end ends nothing else."""
        limit = (*self._session.options.limit, *map(escape, due.names))
        session = replace(self._session, options=replace(self._session.options, limit=limit))
        caught = _Run(self._stop)
        self._since, self._busy = time.monotonic(), True
        begun = time.monotonic()
        codes = guarded(session, lambda: once(session, self._text, caught))
        self._busy = False
        self._current = None
        caught.end()
        what = ", ".join(map(safe, due.names)) or "everything"
        took = f"{time.monotonic() - begun:.1f} s"
        self._say(f"{what}: {self._headline()}; exit codes {', '.join(map(str, codes))}; {took}")
        systemd.tell(f"STATUS=last run: exit code {codes[0]}")
        self._subscribe()

    def _headline(self) -> str:
        report = self._last()
        return story(report).headline if report else "no report"

    def _last(self) -> Report | None:
        try:
            return Reports(self._session.report_dir).read(LATEST)
        except (OSError, UserFault):
            return None

    def _subscribe(self) -> None:
        """Hear of what the last run knows, and of everything by the npubs themselves."""
        if self._subscriptions:
            self._subscriptions.listen(self._desired, self._last())

    def _event(self, event: Event) -> None:
        """A relay told of an event; in the thread of that relay."""
        with self._condition:
            if event.id in self._heard:
                return
            self._heard[event.id] = None
            if len(self._heard) > LIVE_REMEMBERED:
                self._heard.popitem(last=False)
            if self._subscriptions:
                for name in self._subscriptions.names(event):
                    self._rounds.ask(name, time.monotonic())
            self._condition.notify_all()

    def _hang_up(self) -> None:
        with self._condition:
            self._reload = True
            self._condition.notify_all()

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()

    def _wait(self, until: float) -> None:
        with self._condition:
            if not (self._reload or self._stop.is_set()):
                longest = _LOOK_SECONDS if self._on_change else 60.0
                self._condition.wait(min(longest, max(0.0, until - time.monotonic())))

    def _reread(self) -> None:
        """Take a new desired state; a wrong one is told once, and the old one stays."""
        asked, self._reload = self._reload, False
        if not asked and not (self._on_change and self._changed()):
            return
        systemd.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._text, self._desired = self._read()
        except UserFault as fault:
            mistaken(self._session, fault)
            self._say("the desired state is wrong; the one from before stays")
        else:
            self._say("the desired state was read again")
            self._rounds.ask_all(time.monotonic())
            self._subscribe()
        systemd.tell("READY=1")

    def _changed(self) -> bool:
        try:
            digest = hashlib.sha256(self._session.file.read_bytes()).digest()
        except OSError:
            return False
        first, self._digest = not self._digest, (found := digest)
        return not first and found != hashlib.sha256(self._text).digest()

    def _read(self) -> tuple[bytes, Desired]:
        text = read(self._session.file, limit=YAML_BYTES, what="desired state")
        return text, parse(text, place=str(self._session.file))

    def _tend(self) -> None:
        """Tell systemd that the loop turns."""
        seconds = systemd.watchdog_seconds()
        while seconds and not self._stop.wait(seconds):
            if self.alive():
                systemd.tell("WATCHDOG=1")


class _Run(Caught):
    """The stop of one run, which the daemon's ends, and which leaves nothing behind in it."""

    def __init__(self, parent: Stop) -> None:
        self.stop = Stop()
        self._parent = parent
        self._over = False
        self._watch = Thread(target=self._follow, daemon=True)
        self._watch.start()

    @property
    def code(self) -> Exit | None:
        """The exit code of the signal, if one came."""
        return Exit.TERMINATED if self._parent.is_set() else None

    def end(self) -> None:
        """The run is over."""
        self._over = True

    def _follow(self) -> None:
        while not self._over:
            if self._parent.wait(0.25):
                self.stop.set()
                return
