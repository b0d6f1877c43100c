"""The forecasts that the gateway keeps for the page's client: searched, opened, taken away."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from ui.background import Background
from ui.blueprints.lists import show_list
from ui.context import context
from ui.forecasts import Forecast
from ui.searches import ITEM_FILTERS, RUN_FILTERS, STATUSES, read_search
from ui.stored import find_item, put_beside, read_item, span_around
from ui.visualization import draw_forecasts
from ui.whole import Pieces, open_whole

blueprint = Blueprint("forecasts", __name__, url_prefix="/forecasts")
_FILES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


@blueprint.get("")
def show_runs() -> ResponseReturnValue:
    """List the stored forecasts that are searched for, newest first."""
    return show_list("forecasts", context().archive.runs, RUN_FILTERS)


@blueprint.get("/<run_id>")
def show_run(run_id: str) -> ResponseReturnValue:
    """Show what was asked of a run, a page of its items, and the forecast of one of them."""
    search = read_search(request.args, ITEM_FILTERS)
    run = _ask(run_id, search.parameters())
    wanted = request.args.get("item", "")
    model, item = _name(run), _choose(run, wanted)
    forecast = _look_at(run, item, model) if item else None
    return render_template(
        "forecast.html",
        run=run,
        model=model,
        search=search,
        statuses=STATUSES,
        wanted=wanted,
        item=item,
        forecast=forecast,
        figure=draw_forecasts(forecast.unique_id, [forecast]) if forecast else None,
    )


@blueprint.get("/<run_id>/forecast.<any(csv, parquet, json):ending>")
def download(run_id: str, ending: str) -> Response:
    """Return a run as a file, sent on as it comes from the gateway."""
    shared = context()
    file = _open(run_id, ending)
    answer = Response(_pieces(shared.background, file), content_type=file.content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="forecast-{run_id}.{ending}"'
    if file.length is not None:
        # Without it nobody would notice that a file ended too soon.
        answer.headers["Content-Length"] = file.length
    # Also where the visitor goes before the first piece is asked for.
    answer.call_on_close(lambda: shared.background.wait(file.close()))
    return answer


def _open(run_id: str, ending: str) -> Pieces:
    shared = context()
    if ending in _FILES:
        return shared.background.wait(shared.archive.download(run_id, _FILES[ending]))
    return shared.background.wait(open_whole(partial(shared.archive.run, run_id)))


def _pieces(background: Background, file: Pieces) -> Iterator[bytes]:
    while piece := background.wait(file.read()):
        yield piece


def _ask(run_id: str, search: Mapping[str, str]) -> dict[str, Any]:
    shared = context()
    return shared.background.wait(shared.archive.run(run_id, search))


def _choose(run: Mapping[str, Any], wanted: str) -> Mapping[str, Any] | None:
    """Return the item that is wanted, on whichever page it is, and the first one where none is named."""
    if not wanted:
        return next(iter(run["forecasts"]), None)
    return find_item(run, wanted) or find_item(_ask(run["forecast_run_id"], {"item_id": wanted}), wanted)


def _look_at(run: Mapping[str, Any], item: Mapping[str, Any], model: str) -> Forecast | None:
    """Return the forecast of an item beside its history, where a dataset has that."""
    shared, forecast = context(), read_item(item, model)
    if forecast is None or run["dataset"] is None:
        return forecast
    asked = shared.archive.series(run["dataset"], item["item_id"], *span_around(item))
    return put_beside(forecast, item["metadata"]["cutoff"], shared.background.wait(asked))


def _name(run: Mapping[str, Any]) -> str:
    """Return the name of a run's model, its ID where the gateway has no such model now."""
    shared, model = context(), str(run["model"])
    return shared.background.wait(shared.gateway.names()).get(model, model)
