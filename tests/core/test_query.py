"""No query parameter is taken and then ignored."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from forecast.core.query import refuse_unknown_query
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST

OPEN = {"/health", "/health/live", "/health/ready", "/metrics", "/docs", "/redoc", "/docs/assets/{name}"}


def routes_of(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes)


def checks(dependant: Dependant) -> bool:
    return dependant.call is refuse_unknown_query or any(map(checks, dependant.dependencies))


@pytest.fixture
def app(make_app: MakeApp) -> FastAPI:
    return make_app()


def test_every_route_but_probes_and_pages_looks_at_its_query(app: FastAPI) -> None:
    routes = list(routes_of(app.routes))

    assert len(routes) > 30
    assert {route.path for route in routes if not checks(route.dependant)} == OPEN


@pytest.mark.parametrize(
    ("method", "address", "detail"),
    [
        (
            "DELETE",
            "/api/v1/series?dataset=d&itemid=A",
            "Unknown query parameter 'itemid' (did you mean 'item_id'?).",
        ),
        (
            "GET",
            "/api/v1/series?dataset=d&form=x",
            "Unknown query parameter 'form' (did you mean 'format'?).",
        ),
        ("GET", "/api/v1/forecast-jobs?state=x", "Unknown query parameter 'state' (did you mean 'status'?)."),
        ("GET", "/api/v1/forecasts?since=x", None),
        ("GET", "/models?x=1", "Unknown query parameter 'x' (this address takes none)."),
        ("GET", f"{PREFIX}/status?x=", "Unknown query parameter 'x' (this address takes none)."),
        ("POST", f"{PREFIX}/inference?fresh=1", "Unknown query parameter 'fresh' (this address takes none)."),
    ],
)
def test_an_unknown_parameter_is_refused_and_the_nearest_known_one_offered(
    app: FastAPI, method: str, address: str, detail: str | None
) -> None:
    with TestClient(app, headers=AUTHORIZED) as client:
        answer = client.request(method, address, json=REQUEST if method == "POST" else None)

    told = answer.json()
    assert (answer.status_code, told["error"]) == (422, "REQUEST_INVALID")
    assert "Unknown query parameter" in told["detail"]
    assert detail is None or told["detail"] == detail
    assert told["errors"][0]["field"] in address


def test_a_mistyped_parameter_deletes_nothing(app: FastAPI) -> None:
    rows = {"date": ["2024-01-01", "2024-01-01"], "item_id": ["A", "B"], "units": [1, 2]}
    with TestClient(app, headers=AUTHORIZED) as client:
        assert client.put("/api/v1/series?dataset=d", json=rows).status_code == 200
        refused = client.delete("/api/v1/series?dataset=d&itemid=A&from=2024-01-01")
        left = client.get("/api/v1/series/items?dataset=d").json()["items"]

    assert refused.status_code == 422
    assert [item["item_id"] for item in left] == ["A", "B"]


def test_who_is_not_known_is_told_so_first(app: FastAPI) -> None:
    with TestClient(app) as client:
        assert client.get("/api/v1/series?x=1").status_code == 401


@pytest.mark.parametrize("path", ["/health", "/health/live", "/metrics", "/docs"])
def test_probes_and_pages_take_any_query(app: FastAPI, path: str) -> None:
    with TestClient(app) as client:
        assert client.get(f"{path}?t=1700000000").status_code == 200
