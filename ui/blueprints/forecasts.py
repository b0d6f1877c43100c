"""The forecasts that the gateway keeps for the page's client: searched, opened, taken away."""

from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from ui.background import Background
from ui.blueprints.lists import show_list
from ui.connection import Download
from ui.context import context
from ui.errors import NotFoundError
from ui.paging import choose_from
from ui.searches import RUN_FILTERS, STATUSES
from ui.stored import StoredRun, read_run
from ui.visualization import draw_forecasts

blueprint = Blueprint("forecasts", __name__, url_prefix="/forecasts")
_FAILURES_SHOWN = 50
_FILES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}


@blueprint.get("")
def show_runs() -> ResponseReturnValue:
    """List the stored forecasts that are searched for, newest first."""
    return show_list("forecasts", context().archive.runs, RUN_FILTERS)


@blueprint.get("/<run_id>")
def show_run(run_id: str) -> ResponseReturnValue:
    """Show what was asked of a run, its failures, and the forecast of one of its items."""
    shared = context()
    run, names = _find(run_id), shared.background.wait(shared.gateway.names())
    model = names.get(run.told["model"], run.told["model"])
    chosen = _chosen(run) if run.names else None
    failures = run.failures
    return render_template(
        "forecast.html",
        run=run.told,
        model=model,
        names=run.names,
        statuses=STATUSES,
        failures=failures[:_FAILURES_SHOWN],
        more_failures=max(0, len(failures) - _FAILURES_SHOWN),
        name=chosen,
        item=run.items.get(chosen or ""),
        forecast=run.forecast(chosen, model) if chosen is not None else None,
        **choose_from(run.names, request.args.get("q", ""), request.args.get("page", 1, type=int)),
    )


@blueprint.get("/<run_id>/chart")
def draw_item(run_id: str) -> ResponseReturnValue:
    """Return the figure of one item."""
    shared, run = context(), _find(run_id)
    names = shared.background.wait(shared.gateway.names())
    name, model = _chosen(run), names.get(run.told["model"], run.told["model"])
    return jsonify(draw_forecasts(name, [run.forecast(name, model)]))


@blueprint.get("/<run_id>/forecast.<any(csv, parquet, json):ending>")
def download(run_id: str, ending: str) -> Response:
    """Return a run as a file, sent on as it comes from the gateway."""
    shared = context()
    file = shared.background.wait(shared.archive.download(run_id, _FILES[ending]))
    answer = Response(_pieces(shared.background, file), content_type=file.content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="forecast-{run_id}.{ending}"'
    if file.length is not None:
        # Without it nobody would notice that a file ended too soon.
        answer.headers["Content-Length"] = file.length
    # Also where the visitor goes before the first piece is asked for.
    answer.call_on_close(lambda: shared.background.wait(file.close()))
    return answer


def _pieces(background: Background, file: Download) -> Iterator[bytes]:
    while piece := background.wait(file.read()):
        yield piece


def _find(run_id: str) -> StoredRun:
    shared = context()
    return read_run(shared.background.wait(shared.archive.run(run_id)))


def _chosen(run: StoredRun) -> str:
    asked = request.args.get("series") or next(iter(run.names), None)
    if asked not in run.names:
        raise NotFoundError("This run has no forecast of such an item.")
    return asked
