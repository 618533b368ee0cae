"""Stage three: what was wanted and what was seen become one plan."""

from reconciler.plan.planner import plan

__all__ = ["plan"]
