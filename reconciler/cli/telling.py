"""What machines hear of a run: metrics in a file, a message to a webhook. Neither is in its way."""

from __future__ import annotations

from reconciler.cli.session import Session
from reconciler.edge.files import write
from reconciler.edge.notify import notify
from reconciler.edge.reports import Reports
from reconciler.model.outcome import Report
from reconciler.nostr.strictjson import Json
from reconciler.report.figures import figures
from reconciler.report.health import Health, of_codes
from reconciler.report.history import Past, past
from reconciler.report.safe import safe
from reconciler.report.story import story
from reconciler.serving.metrics import exposed


def tell(session: Session, report: Report) -> None:
    """Write and send what was asked for (`metrics`, `notify`); say what could not be."""
    found = [past(document) for document in Reports(session.report_dir).earlier()]
    earlier = [run for run in reversed(found) if run and run.run_id != report.run_id]
    if session.metrics:
        try:
            write(session.metrics, exposed(figures(report, earlier)))
        except OSError as error:
            session.say(f"{safe(str(session.metrics))}: {error.strerror or error} (--metrics)")
    if (
        session.notify
        and worth_telling(report, earlier)
        and (why := notify(session.notify, message(report)))
    ):
        session.say(f"the webhook was not told: {safe(why)} (--notify)")


def worth_telling(report: Report, earlier: list[Past]) -> bool:
    """Is not all well, or is it again?"""
    if of_codes(report.exit_codes) is not Health.OK:
        return True
    same = [run for run in earlier if run.mode == report.mode]
    return bool(same) and of_codes([same[-1].exit_code]) is not Health.OK


def message(report: Report) -> Json:
    """A few lines: `text` is what chat programs show."""
    told = story(report)
    status = of_codes(report.exit_codes)
    return {
        "text": f"GRASP reconciler: {status}. {told.headline}; {', '.join(told.ends)}",
        "status": status,
        "run_id": report.run_id,
        "mode": report.mode,
        "actor": report.actor,
        "exit_codes": list(report.exit_codes),
        "headline": told.headline,
        "counts": told.counts,
        "failed": [line.text for _, lines in told.blocks for line in lines][:10],
        "unknown": [line.text for line in told.unknown][:10],
        "held": [line.text for line in told.holds][:10],
    }
