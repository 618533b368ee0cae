"""Arguments, environment, exit codes; the only folder that prints."""

from reconciler.cli.main import main

__all__ = ["main"]
