"""The jobs of the page's client: the list, and each while it goes on."""

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ui.archive import Glance
from ui.blueprints.lists import show_list
from ui.context import context
from ui.errors import GatewayError
from ui.searches import JOB_FILTERS, STATUSES

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")
_ENDED = 409
_FIRST_FAULT = 500


@blueprint.get("")
def show_jobs() -> ResponseReturnValue:
    """List the jobs, newest first."""
    return show_list("jobs", context().archive.jobs, JOB_FILTERS)


@blueprint.get("/<job_id>")
def show_job(job_id: str) -> ResponseReturnValue:
    """Show a job: its progress while it goes on, then how it ended."""
    shared = context()
    job = shared.background.wait(shared.archive.job(job_id))
    return render_template("job.html", **_view(Glance(job)))


@blueprint.get("/<job_id>/progress")
def show_progress(job_id: str) -> ResponseReturnValue:
    """Return the progress of a job, and let the browser load the page again when it has ended."""
    shared = context()
    try:
        seen = shared.background.wait(shared.archive.glance(job_id))
    except GatewayError as error:
        if error.status >= _FIRST_FAULT:
            raise
        # It is gone, which the page itself tells.
        return "", 200, {"HX-Refresh": "true"}
    view = _view(seen)
    refresh = {"HX-Refresh": "true"} if view["ended"] else {}
    return render_template("parts/job.html", job_id=job_id, **view), 200, refresh


@blueprint.post("/<job_id>/cancel")
def cancel_job(job_id: str) -> ResponseReturnValue:
    """End a job; one that ended meanwhile is shown as it is."""
    shared = context()
    try:
        shared.background.wait(shared.archive.cancel(job_id))
    except GatewayError as error:
        if error.status != _ENDED:
            raise
    return redirect(url_for("jobs.show_job", job_id=job_id), 303)


def _view(seen: Glance) -> dict[str, Any]:
    shared, job = context(), seen.job
    ended = job is not None and job["finished_at"] is not None
    names = shared.background.wait(shared.gateway.names()) if job else {}
    return {"job": job, "trouble": seen.trouble, "ended": ended, "names": names, "statuses": STATUSES}
