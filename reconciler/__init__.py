"""Declarative reconciliation of git repositories on GRASP servers.

Read `pipeline.py` first: the five stages are five calls on one screen.
"""

__version__ = "0.1.0"
