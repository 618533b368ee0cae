"""A fleet for every test that asks for one."""

from tests.kit.program import case

__all__ = ["case"]
