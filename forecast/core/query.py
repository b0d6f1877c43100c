"""Refusing query parameters that a route does not have, as bodies refuse fields."""

from collections.abc import Iterable, Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params, get_validation_alias
from fastapi.routing import APIRoute

from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import RequestError
from forecast.core.schemas import nearest, printable


async def refuse_unknown_query(request: Request) -> None:
    """Let a request pass; raise RequestError where its query has a parameter that its route does not."""
    if request.query_params:
        refuse_unknown(request.query_params, _known(request.scope["route"]))


def refuse_unknown(given: Iterable[str], known: list[str]) -> None:
    """Let names of query parameters pass; raise RequestError at others, offering the nearest known."""
    unknown = [name for name in given if name not in known][:MOST_ERRORS]
    if not unknown:
        return
    told = ", ".join(f"'{printable(name)}' ({_hint(name, known)})" for name in unknown)
    errors = [CellError(f"Unknown query parameter ({_hint(name, known)})", field=name) for name in unknown]
    raise RequestError(f"Unknown query parameter {told}.", errors=errors)


def _hint(name: str, known: list[str]) -> str:
    return nearest(name, known) if known else "this address takes none"


def _known(route: APIRoute) -> list[str]:
    # FastAPI names the fields of a model of parameters, too, which no longer say that they are of the query.
    params = Dependant(query_params=[one for each in _all(route.dependant) for one in each.query_params])
    return [get_validation_alias(one) for one in get_flat_params(params)]


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _all(one)
