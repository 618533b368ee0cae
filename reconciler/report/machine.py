"""Plan and outcome for machines: the very documents that are saved, as `schemas/` describe them."""

from __future__ import annotations

from reconciler.model.codec import plan_to_json, pretty, report_to_json
from reconciler.report.look import Look
from reconciler.report.story import Story
from reconciler.report.view import PlanView


def plan(view: PlanView, look: Look) -> str:
    """The plan as `--out` saves it."""
    del look
    return pretty(plan_to_json(view.plan))


def outcome(story: Story, look: Look) -> str:
    """The report as the report folder holds it."""
    del look
    return pretty(report_to_json(story.report))
