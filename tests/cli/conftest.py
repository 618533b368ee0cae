"""The fleet of the fleet tests."""

from tests.fleet.conftest import case

__all__ = ["case"]
