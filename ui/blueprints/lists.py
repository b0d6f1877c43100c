"""A list of the gateway's, searched and page by page: what jobs and forecasts have in common."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ui.context import context
from ui.searches import STATUSES, read_search
from ui.snippets import job_examples

_USUAL_MODEL = "statsforecast"
List = Callable[[Mapping[str, str]], Coroutine[Any, Any, dict[str, Any]]]


def show_list(kind: str, ask: List, filters: Sequence[str]) -> ResponseReturnValue:
    """Show what a list has of what the address asks for; `kind` names its template and its rows."""
    shared, search = context(), read_search(request.args, filters)
    found = shared.background.wait(ask(search.parameters()))
    names = shared.background.wait(shared.gateway.names())
    return render_template(
        f"{kind}.html",
        rows=found[kind],
        following=found["next_cursor"],
        search=search,
        names=names,
        statuses=STATUSES,
        examples=[] if found[kind] or search.filters or search.cursor else _examples(names),
    )


def _examples(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return requests with which a client begins."""
    shared = context()
    model = _USUAL_MODEL if _USUAL_MODEL in names else next(iter(names), _USUAL_MODEL)
    samples = shared.background.wait(shared.gateway.samples())
    return job_examples(shared.settings.public_url, samples, model)
