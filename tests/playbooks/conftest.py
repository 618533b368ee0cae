"""The fleet that playbooks run on."""

from tests.kit.program import case

__all__ = ["case"]
