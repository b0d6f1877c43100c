"""Every route of the gateway, and how to call it in somebody's names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from tests.isolation.belongings import as_csv, forecast_of, inference_of, rows

Names = Mapping[str, list[str]]
Choose = Callable[[list[str]], str]
"""Takes one of some values."""

WEBSOCKETS = {"/api/v1/ws/jobs/{job_id}"}
PAGES = {"/openapi.json", "/docs", "/docs/assets/{name}", "/redoc"}
SHARED = {("POST", "/forecast/v1/fake/initialization"), ("POST", "/forecast/v1/fake/shutdown")}
"""What the role `operator` does to a model, which all clients share."""

# The kinds of names that parameters take; None: whatever values they have say nothing of anybody.
_NAMING: dict[str, str] = {
    "client_id": "client_id",
    "key_id": "key_id",
    "job_id": "job_id",
    "forecast_id": "forecast_id",
    "dataset": "dataset",
    "item_id": "item_id",
    "prefix": "prefix",
}
_VALUES: dict[str, list[str]] = {
    "limit": ["1", "100"],
    "model": ["fake"],
    "status": ["succeeded", "failed"],
    "kind": ["forecast", "inference"],
    "created_after": ["2020-01-01T00:00:00Z"],
    "created_before": ["2100-01-01T00:00:00Z"],
    "from": ["2024-01-02"],
    "to": ["2024-01-09"],
    "format": ["json", "csv", "parquet", "arrow"],
    "mend": ["true"],
    "item_column": ["item_id"],
    "timestamp_column": ["timestamp"],
    "value_column": ["value"],
    "last_event_id": ["0", "1"],
    "last-event-id": ["0", "1"],
    "x-deadline-ms": ["30000"],
    "prefer": ["wait=30"],
    "cache-control": ["no-cache"],
}


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: `parameters` are pairs of a place and a name."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    has_body: bool

    @property
    def names_one(self) -> bool:
        """Whether its path has an ID that the gateway gave to one client's thing."""
        return (
            any(f"{{{name}}}" in self.path for name in ("job_id", "forecast_id")) or "uploads/" in self.path
        )

    @property
    def is_for_admins(self) -> bool:
        """Whether it manages clients and keys."""
        return self.path.startswith(("/api/v1/clients", "/api/v1/keys"))

    def kind_of(self, name: str) -> str | None:
        """Return the kind of names that a parameter takes; None where it names nothing."""
        if name == "cursor":
            return f"cursor of {self.path}"
        if name == "name":
            return "file" if "uploads" in self.path else "dataset"
        if name == "idempotency-key":
            return "idempotency_key"
        return _NAMING.get(name)

    def values(self, name: str, names: Names) -> list[str]:
        """Return what a parameter may be; a new one fails here until it is classified."""
        kind = self.kind_of(name)
        return _VALUES[name] if kind is None else names[kind]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a route: what is sent, and what it says of names."""

    route: Route
    path: str
    sent: dict[str, Any]
    said: frozenset[str]


def find_routes(app: FastAPI) -> list[Route]:
    """Return all operations that the app describes."""
    return [
        Route(
            method.upper(),
            path,
            tuple((one["in"], one["name"]) for one in operation.get("parameters", ())),
            "requestBody" in operation,
        )
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]


def find_undescribed(app: FastAPI) -> set[str]:
    """Return the paths of all routes that the app does not describe."""
    return {route.path for route in _walk(app.routes)} - set(app.openapi()["paths"])


def _walk(routes: Any) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from [route] if included is None else _walk(included.routes)


def write_call(route: Route, names: Names, choose: Choose, given: Callable[[str], bool]) -> Call:
    """Return a call in some names; `given` tells which of the parameters that may be left out are sent."""
    said: set[str] = set()

    def take(kind: str) -> str:
        value = choose(names[kind])
        if kind != "prefix":  # which no answer repeats
            said.add(value)
        return value

    path = route.path
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    for place, name in route.parameters:
        if place == "path" or given(name):
            kind = route.kind_of(name)
            value = choose(route.values(name, names)) if kind is None else take(kind)
            if place == "path":
                path = path.replace(f"{{{name}}}", value)
            else:
                (query if place == "query" else headers)[name] = value
    sent: dict[str, Any] = {"params": query, "headers": headers}
    if route.has_body:
        sent |= _BODIES[route.method, route.path](
            take, choose
        )  # a new body fails here until it is written below
    return Call(route, path, sent, frozenset(said))


Take = Callable[[str], str]
Body = Callable[[Take, Choose], dict[str, Any]]


def _forecast(take: Take, _: Choose) -> dict[str, Any]:
    return {"json": forecast_of(take("dataset"), take("item_id"))}


def _job(take: Take, choose: Choose) -> dict[str, Any]:
    if choose(["forecast", "inference"]) == "forecast":
        return _forecast(take, choose)
    return {"json": inference_of(take("source")) | {"model": "fake"}}


_BODIES: dict[tuple[str, str], Body] = {
    ("POST", "/forecast/v1/fake/initialization"): lambda take, _: {"json": {}},
    ("POST", "/forecast/v1/fake/inference"): lambda take, _: {"json": inference_of(take("source"))},
    ("POST", "/api/v1/uploads"): lambda take, _: {"files": {"file": (take("file"), as_csv(rows({"x": 9})))}},
    ("PUT", "/api/v1/datasets/{name}"): lambda take, _: {"json": {"missing": "zero"}},
    ("PUT", "/api/v1/series"): lambda take, _: {"json": {"data": rows({take("item_id"): 9})}},
    ("POST", "/api/v1/series"): lambda take, _: {"json": {"data": rows({take("item_id"): 9})}},
    ("POST", "/api/v1/tables"): lambda take, _: {"json": {"data_source_url_or_path": take("source")}},
    ("POST", "/api/v1/clients"): lambda take, _: {"json": {"client_id": take("client_id")}},
    ("POST", "/api/v1/clients/{client_id}/keys"): lambda take, _: {"json": {"name": "mine"}},
    ("POST", "/api/v1/forecast"): _forecast,
    ("POST", "/api/v1/forecast-jobs"): _job,
}
