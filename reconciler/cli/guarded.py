"""Every end of the program has its exit code, and a message without a trace unless it is a bug."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event

from reconciler.cli.session import Session
from reconciler.edge.files import Busy
from reconciler.errors import ReconcileError, UserFault
from reconciler.report.exits import Exit
from reconciler.report.safe import safe


def guarded(session: Session, do: Callable[[], Sequence[int]]) -> Sequence[int]:
    """Run something; its exit codes, worst first, whatever happens."""
    try:
        return do()
    except UserFault as fault:
        for mistake in fault.mistakes:
            place, _, _ = str(mistake).partition("\n")
            session.say(safe(place, 600))
            session.say(f"    remedy: {safe(mistake.remedy, 600)}")
        return (fault.exit_code,)
    except Busy as busy:
        session.say(f"reconcile: {safe(str(busy), 600)}")
        return (Exit.BUSY,)
    except ReconcileError as error:
        session.say(f"reconcile: {safe(str(error), 600)}")
        return (Exit.OUR_FAULT,)
    except OSError as error:
        return (_system(session, error),)
    except KeyboardInterrupt:
        session.say("stopped at once; the next run needs no manual step")
        return (Exit.INTERRUPTED,)
    except Exception:
        # a bug must leave with 1 and its trace, never with 0; one safe line at a time
        for line in traceback.format_exc().splitlines():
            session.say(safe(line, 300))
        return (Exit.OUR_FAULT,)


@dataclass
class Caught:
    """Which signal came; `stop` is set from then on."""

    stop: Event = field(default_factory=Event)
    code: Exit | None = None


_STOPPING = b"stopping: what is under way ends first; once more ends at once\n"


@contextmanager
def signals() -> Iterator[Caught]:
    """The first signal stops new work and lets the report be written; the second ends at once."""
    caught = Caught()

    def hear(number: int, _: object) -> None:
        if caught.stop.is_set():
            raise KeyboardInterrupt
        caught.code = Exit.TERMINATED if number == signal.SIGTERM else Exit.INTERRUPTED
        caught.stop.set()
        with suppress(OSError):
            os.write(2, _STOPPING)  # not by the console, whose lock this very thread may hold

    old = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _system(session: Session, error: OSError) -> int:
    where = f" ({safe(str(error.filename))})" if error.filename else ""
    session.say(f"reconcile: {error.strerror or error}{where}")
    return Exit.OUR_FAULT
