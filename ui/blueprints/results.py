"""The third and fourth step: forecasts while they are made, and what came of them."""

import json
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ui.baseline import NAME as BASELINE
from ui.choices import check_test, read_choices
from ui.context import context
from ui.errors import GatewayError, NotFoundError, RequestError
from ui.exports import name_file, with_actual, write_answer, write_csv
from ui.results import Layers, read_layers, score_layers, summary, tested_days
from ui.scores import guess_of
from ui.security import visitor
from ui.snippets import as_curl, as_python
from ui.steps import Kind, Run
from ui.visualization import draw_forecasts

blueprint = Blueprint("results", __name__)
_PAGE = 20
_NO_FORECAST = "This run has no such forecast."


@blueprint.post("/tables/<table_id>/runs")
def start_run(table_id: str) -> ResponseReturnValue:
    """Begin to forecast a table and go on to the run."""
    shared = context()
    table = shared.tables.find(visitor(), table_id)
    if table.blocking:
        raise RequestError("Settle the problems of the data first: " + table.blocking[0]["message"])
    choices = read_choices(request.form)
    check_test(choices, table)
    run_id = shared.runs.start(table, choices, _names())
    target = url_for("results.show_run", run_id=run_id)
    if "HX-Request" in request.headers:
        return "", 204, {"HX-Redirect": target}
    return redirect(target, 303)


@blueprint.get("/runs/<run_id>")
def show_run(run_id: str) -> ResponseReturnValue:
    """Show a run: its progress while it goes on, then its result."""
    run = context().runs.find(run_id)
    found = _result(run) if run.status == "done" else {}
    return render_template("run.html", run=run, mine=run.table.owner == visitor(), **found)


@blueprint.get("/runs/<run_id>/progress")
def show_progress(run_id: str) -> ResponseReturnValue:
    """Return the progress of a run, and let the browser load the page again when it has ended."""
    run = context().runs.find(run_id)
    refresh = {"HX-Refresh": "true"} if run.ended else {}
    return render_template("parts/progress.html", run=run), 200, refresh


@blueprint.post("/runs/<run_id>/cancel")
def cancel_run(run_id: str) -> ResponseReturnValue:
    """End a run; its address lets others see it, and no more than that."""
    shared = context()
    if shared.runs.find(run_id).table.owner != visitor():
        raise NotFoundError("This run is another visitor's.")
    shared.runs.cancel(run_id)
    return redirect(url_for("results.show_run", run_id=run_id), 303)


@blueprint.get("/runs/<run_id>/chart")
def draw_run(run_id: str) -> ResponseReturnValue:
    """Return the figure of one series, of the forecast or of the holdout."""
    run = context().runs.find(run_id)
    layers = _layers(run, _kind())
    name = _series(layers)
    return jsonify(
        draw_forecasts(run.table.column("target") or "", [found[name] for found in layers.values()])
    )


@blueprint.get("/runs/<run_id>/series")
def show_series(run_id: str) -> ResponseReturnValue:
    """Return a series' part of the result: the chart's frame, its score card and its table."""
    run = context().runs.find(run_id)
    return render_template("parts/series.html", run=run, **_result(run))


@blueprint.get("/runs/<run_id>/forecast.csv")
def download_csv(run_id: str) -> Response:
    """Return all forecasts of a run, or all of the holdout, as CSV."""
    run = context().runs.find(run_id)
    text = write_csv([list(found.values()) for found in _layers(run, _kind()).values()])
    return _file(text, "text/csv; charset=utf-8", run, "csv")


@blueprint.get("/runs/<run_id>/forecast.json")
def download_json(run_id: str) -> Response:
    """Return the gateway's answers of a run, or of the holdout, by model, and the seasonal naive one."""
    shared, kind = context(), _kind()
    run = shared.runs.find(run_id)
    layers = {model: list(found.values()) for model, found in _layers(run, kind).items()}
    answers = {
        model: with_actual(shared.runs.answer(run_id, model, kind), layers[run.name_of(model)])
        for model in run.done(kind)
    }
    answers[BASELINE] = write_answer(layers[BASELINE])
    return _file(json.dumps(answers), "application/json", run, "json")


def _file(text: str, content_type: str, run: Run, ending: str) -> Response:
    name = name_file(run.table.name, "test" if _kind() == "holdout" else "forecast")
    return Response(
        text,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}.{ending}"'},
    )


def _names() -> dict[str, str]:
    """Return the models' names, none where the gateway does not tell them: the run says why."""
    shared = context()
    try:
        return shared.background.wait(shared.gateway.names())
    except GatewayError:
        return {}


def _kind() -> Kind:
    return "holdout" if request.args.get("kind") == "holdout" else "forecast"


def _layers(run: Run, kind: Kind) -> Layers:
    layers = read_layers(context().runs, run, kind)
    if not layers:
        raise NotFoundError(_NO_FORECAST)
    return layers


def _series(layers: Layers) -> str:
    names = list(next(iter(layers.values())))
    asked = request.args.get("series", names[0])
    if asked not in names:
        raise NotFoundError("This run has no such series.")
    return asked


def _result(run: Run) -> dict[str, Any]:
    """Return what the templates show of the series, kind and page of series that the address names."""
    shared, season = context(), run.table.season
    layers = _layers(run, _kind())
    name = _series(layers)
    holdout = read_layers(shared.runs, run, "holdout")
    ranking = score_layers(holdout, season)
    names, tested = list(next(iter(layers.values()))), list(next(iter(holdout.values()), {}))
    return {
        "kind": _kind(),
        "name": name,
        "layers": {model: own[name] for model, own in layers.items()},
        "card": score_layers(layers, season, [name]),
        "overall": score_layers(layers, season) if len(names) > 1 else [],
        "compared": bool(holdout),
        "tested": tested,
        "days": tested_days(holdout),
        "untested": len(run.table.series_ids()) - len(tested),
        "ranking": ranking,
        "summary": summary(ranking, season),
        "guess": guess_of(season),
        "baseline": BASELINE,
        "names": names,
        "snippets": _snippets(run),
        "hours": shared.settings.lifetime_hours,
        "warnings": {
            run.name_of(model): shared.runs.answer(run.id, model, "forecast")["warnings"]
            for model in run.done("forecast")
        },
        **_choose_from(names),
    }


def _choose_from(names: list[str]) -> dict[str, Any]:
    """Return the page of the series whose names have what is searched for."""
    wanted = request.args.get("q", "").strip()
    found = [one for one in names if wanted.casefold() in one.casefold()]
    pages = max(1, -(-len(found) // _PAGE))
    page = min(max(request.args.get("page", 1, type=int), 1), pages)
    return {
        "q": wanted,
        "found": found[(page - 1) * _PAGE : page * _PAGE],
        "matches": len(found),
        "page": page,
        "pages": pages,
    }


def _snippets(run: Run) -> dict[str, tuple[str, str]]:
    """Return the request to each model, for a shell and for Python."""
    base, body = context().settings.public_url, run.body("forecast")
    urls = {model: f"{base}/forecast/v1/{model}/inference" for model in run.done("forecast")}
    return {model: (as_curl(url, body), as_python(url, body)) for model, url in urls.items()}
