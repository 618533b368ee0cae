"""Every end of the program has its exit code, and a message without a trace unless it is a bug."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from reconciler.cli.interrupts import listen
from reconciler.cli.session import Session
from reconciler.edge.files import Busy
from reconciler.errors import ReconcileError, UserFault
from reconciler.report.codes import Exit
from reconciler.report.safe import safe


def guarded(session: Session, do: Callable[[], Sequence[int]]) -> Sequence[int]:
    """Run something; its exit codes, worst first, whatever happens."""
    try:
        return do()
    except UserFault as fault:
        mistaken(session, fault)
        return (fault.exit_code,)
    except Busy as busy:
        session.say(f"reconcile: {safe(str(busy), 600)}")
        return (Exit.BUSY,)
    except ReconcileError as error:
        session.say(f"reconcile: {safe(str(error), 600)}")
        return (Exit.OUR_FAULT,)
    except OSError as error:
        return (_system(session, error),)
    except Exception:
        # a bug must leave with 1 and its trace, never with 0; one safe line at a time
        for line in traceback.format_exc().splitlines():
            session.say(safe(line, 300))
        return (Exit.OUR_FAULT,)


def mistaken(session: Session, fault: UserFault) -> None:
    """Say every mistake, with its remedy."""
    for mistake in fault.mistakes:
        place, _, _ = str(mistake).partition("\n")
        session.say(safe(place, 600))
        session.say(f"    remedy: {safe(mistake.remedy, 600)}")


class Caught:
    """Which signal came; `stop` is set from then on."""

    def __init__(self) -> None:
        self._heard = listen()
        self.stop = self._heard.stop

    @property
    def code(self) -> Exit | None:
        """The exit code of the first signal."""
        return Exit(128 + self._heard.number) if self._heard.number else None


@contextmanager
def signals() -> Iterator[Caught]:
    """What was heard since the process began, and is from now on (`cli.interrupts`)."""
    yield Caught()


def _system(session: Session, error: OSError) -> int:
    where = f" ({safe(str(error.filename))})" if error.filename else ""
    session.say(f"reconcile: {error.strerror or error}{where}")
    return Exit.OUR_FAULT
