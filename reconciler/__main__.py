"""`python -m reconciler`, and the installed command. Signals are heard before the program itself is
loaded, which takes half a second: none of it is a moment in which Ctrl-C shows a trace."""

import gc
from importlib import import_module

from reconciler.cli.interrupts import listen


def main() -> None:
    """Run the command line; leaves by SystemExit."""
    gc.set_threshold(50_000)  # a run keeps what it makes; looking for cycles cost a twentieth
    listen()
    import_module("reconciler.cli.main").main()


if __name__ == "__main__":
    main()
