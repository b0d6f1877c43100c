"""The first step: a table, what the gateway makes of it, and what the visitor decides."""

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ui.choices import COUNTRY, INTERVALS, ROLES, read_definition, read_repairs
from ui.context import context
from ui.earlier import find_earlier
from ui.errors import GatewayError, NotFoundError, RequestError
from ui.security import visitor
from ui.tables import Table
from ui.visualization import draw_history

blueprint = Blueprint("data", __name__)
_PREVIEW_ROWS = 20
_REPAIRS = {
    "windows_1252": "Read it as Windows-1252 (Western Europe)",
    "skip": "Leave out what stands above the names",
    "day_first": "Read the day first: 01/02 is February 1st",
    "month_first": "Read the month first: 01/02 is January 2nd",
    "decimal_comma": "Read 1.234,5 as 1234.5",
    "thousands_comma": "Read 1,234.5 as 1234.5",
    "empty": "Treat these cells as empty",
    "drop_row": "Leave these rows out",
    "first": "Keep the first of each",
    "last": "Keep the last of each",
    "mean": "Take their mean",
    "sum": "Add them up",
    "interpolate": "Fill by straight lines",
    "ffill": "Repeat the value before",
    "zero": "Fill with 0",
    "drop": "Leave the last period out",
    "drop_series": "Leave these series out",
}


@blueprint.get("/")
def show_start() -> ResponseReturnValue:
    """Ask for a table."""
    shared = context()
    try:
        samples = shared.background.wait(shared.gateway.samples())
    except GatewayError:
        samples = []  # the banner says why
    earlier = find_earlier(shared.store, visitor())
    return render_template("start.html", samples=samples, earlier=earlier)


@blueprint.post("/tables")
def add_table() -> ResponseReturnValue:
    """Take a file, a pasted table, a URL or a sample, and go on to what it holds."""
    target = url_for("data.show_table", table_id=_take().id)
    if "HX-Request" in request.headers:
        return "", 204, {"HX-Redirect": target}
    return redirect(target, 303)


@blueprint.get("/tables/<table_id>")
def show_table(table_id: str) -> ResponseReturnValue:
    """Show a table: the guesses, the problems, the models, and the form of the forecast."""
    shared = context()
    table = shared.tables.find(visitor(), table_id)
    models = shared.background.wait(shared.gateway.models())
    return render_template("table.html", models=models, intervals=INTERVALS, country=COUNTRY, **_view(table))


@blueprint.post("/tables/<table_id>")
def change_table(table_id: str) -> ResponseReturnValue:
    """Read a table as the visitor decided, and show what comes of it."""
    shared = context()
    table = shared.tables.find(visitor(), table_id)
    sheet = request.form.get("sheet") or None
    if sheet is not None and sheet != table.report["sheet"]:
        # What was decided for one sheet does not hold for another.
        change = shared.tables.change(table, None, None, {}, sheet)
    else:
        definition, repairs = read_definition(request.form, table), read_repairs(request.form)
        change = shared.tables.change(table, definition, request.form.get("freq") or None, repairs, sheet)
    changed = shared.background.wait(change)
    if "HX-Request" in request.headers:
        return render_template("parts/table.html", **_view(changed))
    return redirect(url_for("data.show_table", table_id=table_id), 303)


@blueprint.get("/tables/<table_id>/chart")
def draw_table(table_id: str) -> ResponseReturnValue:
    """Return the figure of one series."""
    table = context().tables.find(visitor(), table_id)
    series = table.series()
    name = request.args.get("series") or next(iter(series), "")
    if name not in series:
        raise NotFoundError("This table has no such series.")
    dates, values = series[name]
    return jsonify(draw_history(dates, values, table.column("target") or ""))


def _view(table: Table) -> dict[str, Any]:
    rows = zip(*(values[:_PREVIEW_ROWS] for values in table.head.values()), strict=True)
    return {"table": table, "roles": ROLES, "repairs": _REPAIRS, "rows": list(rows)}


def _take() -> Table:
    file = request.files.get("file")
    if file is not None and file.filename:
        return _add_file(file.filename, file.stream.read())
    text = request.form.get("text", "")
    if text.strip():
        return _add_file("pasted.csv", text.encode())
    named = request.form.get("sample") or request.form.get("url", "").strip()
    if not named:
        raise RequestError("Choose a file, paste a table, give an address or pick a sample.")
    shared = context()
    if "sample" in request.form:
        # A path of any other file of the gateway's is nobody's to read here.
        if named not in {sample["path"] for sample in shared.background.wait(shared.gateway.samples())}:
            raise NotFoundError("There is no such sample.")
    elif not named.lower().startswith(("http://", "https://")):
        raise RequestError("An address begins with http:// or https://.")
    name = PurePosixPath(urlsplit(named).path).name or named
    return shared.background.wait(shared.tables.add(visitor(), name, {"data_source_url_or_path": named}))


def _add_file(name: str, content: bytes) -> Table:
    shared = context()
    path = shared.background.wait(shared.gateway.upload(name, content))
    source = {"data_source_url_or_path": path}
    return shared.background.wait(shared.tables.add(visitor(), name, source, upload=path))
