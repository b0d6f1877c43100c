"""A gateway of twelve monthly values, which answers as docs/api.md says and notes what it is asked."""

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx

from tests.ui.shelf import Shelf
from ui.api_client import Gateway

Columns = dict[str, Sequence[Any]]
MONTHS = tuple(f"2024-{month:02d}-01" for month in range(1, 13))
VALUES = (10.0, 12.0, 11.0, 13.0, 12.0, 14.0, 13.0, 15.0, 14.0, 16.0, 15.0, 17.0)
AHEAD = tuple(f"2025-{month:02d}-01" for month in range(1, 13))
CSV = "month,sales\n" + "".join(f"{day},{value}\n" for day, value in zip(MONTHS, VALUES, strict=True))
SAMPLE = {
    "name": "Airline passengers",
    "path": "data/samples/airline-passengers.csv",
    "description": "Monthly passengers",
    "data_definition": {"month": "timestamp", "sales": "target"},
    "freq": "MS",
    "rows": 12,
}


def make_problem(code: str, **changes: Any) -> dict[str, Any]:
    """Return a problem of a table as the gateway tells it."""
    told: dict[str, Any] = {
        "code": code,
        "message": f"This is {code}.",
        "column": None,
        "rows": [],
        "count": 1,
        "blocking": True,
        "repairs": [],
    }
    return told | changes


def make_report(
    columns: Columns, roles: dict[str, str], problems: Sequence[dict[str, Any]] = (), future_steps: int = 0
) -> dict[str, Any]:
    """Return what the gateway says of a table, without the path."""
    key = next((name for name, role in roles.items() if role == "id"), None)
    ids = list(dict.fromkeys(columns[key])) if key else ["series_0"]
    rows = len(next(iter(columns.values())))
    return {
        "rows": rows,
        "sheets": [],
        "sheet": None,
        "columns": [
            {"name": name, "kind": "numerical", "missing": 0, "distinct": rows, "role": roles.get(name)}
            | {"guessed": True}
            for name in columns
        ],
        "data_definition": roles,
        "freq": "MS",
        "season_length": 12,
        "series_count": len(ids),
        "series": [{"unique_id": one, "future_steps": future_steps} for one in ids],
        "problems": list(problems),
        "settled": [],
        "table": {"columns": {name: list(values) for name, values in columns.items()}},
        "head": {
            "columns": {name: [str(value) for value in values[:20]] for name, values in columns.items()}
        },
    }


MONTHLY = make_report({"month": MONTHS, "sales": VALUES}, {"month": "timestamp", "sales": "target"})


def make_answer(
    parameters: dict[str, Any],
    ids: Sequence[str] = ("series_0",),
    held_out: int = 0,
    known: Sequence[float] = VALUES,
    looks_back: int = 12,
    method: str | None = None,
) -> dict[str, Any]:
    """Return a forecast that is 1 above the last value, with bands of 10 times the level around it."""
    horizon, levels = parameters["horizon_len"], parameters["quantile_levels"]
    end = len(known) - held_out
    point = [known[end - 1] + 1.0] * horizon
    quantiles = [[value + 10 * (level - 0.5) for level in levels] for value in point]
    seen: dict[str, Any] = {
        "historical_data": list(known[:end])[-looks_back:],
        "dates_historical": list(MONTHS[:end])[-looks_back:],
        "dates_future": [*MONTHS[end:], *AHEAD][:horizon],
        "actual_future": [],
    }
    many = len(ids) > 1
    return {
        "prediction": {
            "point_forecast": [point for _ in ids],
            "method": "standard",
            "series_ids": list(ids),
            "quantile_forecast": [quantiles for _ in ids],
            "quantile_levels": levels,
            "metadata": {"model_methods": [method for _ in ids]},
            "quantile_bands": {},
        },
        "visualization_data": {name: [own for _ in ids] if many else own for name, own in seen.items()}
        | {"target_name": "sales"},
        "execution_metadata": {},
        "warnings": [],
    }


def refuse(
    status: int, code: str, detail: str, retry_after: int | None = None, **more: Any
) -> httpx.Response:
    """Return a refusal as problem+json."""
    body = {"title": "No", "status": status, "detail": detail, "error": code, "errors": [], **more}
    headers = {"content-type": "application/problem+json"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return httpx.Response(status, content=json.dumps(body), headers=headers)


class FakeGateway:
    """What stands behind the page; tests set what it says, and read what it was asked."""

    def __init__(self) -> None:
        self.down = False
        self.shelf = Shelf()
        self.report: dict[str, Any] = MONTHLY
        self.holdout_problems: list[dict[str, Any]] = []
        self.states: dict[str, tuple[str, str | None]] = {"ets": ("ready", None), "deep": ("ready", None)}
        self.after_load: dict[str, list[tuple[str, str | None]]] = {}
        """The states of a model that follow one another, a look each, once its load has begun."""
        self.refusals: defaultdict[str, list[httpx.Response]] = defaultdict(list)
        """What is answered first to a call, by its method and path."""
        self.short: set[str] = set()
        """The series that have nothing left where the end is held out."""
        self.looks_back = 12
        """How many values the models look at."""
        self.looks: dict[str, int] = {}
        """How many values a model looks at that is not like the others."""
        self.methods: dict[str, str] = {}
        """The method that a model used."""
        self.planned: set[str] = set()
        """The models that are not there yet."""
        self.slow: set[str] = set()
        self.arrived = threading.Event()
        self.dropped = threading.Event()
        self.asked: list[tuple[str, Any]] = []
        self.patience: dict[str, float] = {}
        """How many seconds were left for the last call of a kind."""
        self.uploads: dict[str, bytes] = {}
        self.progress: dict[str, Any] | None = {"phase": "downloading", "percent": 40.0}
        self._held_out: dict[str, int] = {}
        self._left_out: dict[str, set[str]] = {}

    def client(self) -> Gateway:
        """Return the page's own client, which asks this gateway."""
        return Gateway("http://gateway:8000", "the-key", transport=httpx.MockTransport(self.answer))

    def bodies(self, call: str) -> list[Any]:
        """Return the bodies that a call was made with."""
        return [body for asked, body in self.asked if asked == call]

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a call, or fail to connect."""
        if self.down:
            raise httpx.ConnectError("refused")
        call = f"{request.method} {request.url.path}"
        content = await request.aread()
        is_json = request.headers.get("content-type") == "application/json"
        body = json.loads(content) if is_json else content
        self.asked.append((call, body))
        # Without it the gateway keeps no file whose faults it could repair.
        assert call != "POST /api/v1/uploads" or request.url.query == b"mend=true"
        self.patience[call] = request.extensions["timeout"]["read"]
        if self.refusals[call]:
            return self.refusals[call].pop(0)
        if (kept := self.shelf.answer(request)) is not None:
            return kept
        if request.url.path.startswith("/forecast/v1/"):
            return await self._answer_model(request.url.path.split("/")[3:], body)
        return self._answer_table(call, body)

    def _answer_table(self, call: str, body: Any) -> httpx.Response:
        method, _, path = call.partition(" ")
        if path == "/health":
            return httpx.Response(200, json={"status": "healthy", "version": "1", "models": self._look()})
        if path == "/models":
            return httpx.Response(200, json={"models": [self._describe(model) for model in self.states]})
        if path == "/api/v1/samples":
            return httpx.Response(200, json={"samples": [SAMPLE]})
        if path == "/api/v1/tables":
            return httpx.Response(200, json=self._read_table(body))
        if method == "POST" and path == "/api/v1/uploads":
            kept = f"data/uploads/table-{len(self.uploads):012x}.csv"
            self.uploads[kept] = body
            return httpx.Response(201, json={"path": kept})
        if method == "DELETE":
            found = self.uploads.pop(f"data/uploads/{path.rpartition('/')[2]}", None)
            return httpx.Response(204) if found else refuse(404, "NOT_FOUND", "No such file.")
        raise AssertionError(f"the gateway has no {call}")

    def _read_table(self, body: dict[str, Any]) -> dict[str, Any]:
        report, left_out = self.report | {"path": None}, set[str]()
        if body.get("holdout"):
            left_out = self.short if (body.get("repairs") or {}).get("no_values") else set()
            short = [make_problem("no_values")] if self.short - left_out else []
            report["problems"] = [*report["problems"], *self.holdout_problems, *short]
        blocked = any(one["blocking"] for one in report["problems"])
        if body.get("keep", True) and not blocked:
            report["path"] = f"data/uploads/kept-{len(self.uploads):012x}.csv"
            self.uploads[report["path"]] = b"kept"
            self._held_out[report["path"]] = body.get("holdout") or 0
            self._left_out[report["path"]] = left_out
        return report

    async def _answer_model(self, path: list[str], body: Any) -> httpx.Response:
        model, action = path
        if action == "status":
            status, details = self.states[model]
            return httpx.Response(
                200, json={"model_status": status, "details": details, "progress": self.progress}
            )
        if action == "initialization":
            self.states[model] = ("initializing", None)
            return httpx.Response(202, json={"model_status": "initializing"})
        if action == "shutdown":
            self.states[model] = ("uninitialized", None)
            return httpx.Response(200, json={"model_status": "uninitialized"})
        self.arrived.set()
        if model in self.slow:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.dropped.set()
                raise
        held_out = self._held_out[body["data_source_url_or_path"]]
        left_out = self._left_out[body["data_source_url_or_path"]]
        ids = [one["unique_id"] for one in self.report["series"] if one["unique_id"] not in left_out]
        looks = self.looks.get(model, self.looks_back)
        answer = make_answer(
            body["parameters"], ids, held_out, looks_back=looks, method=self.methods.get(model)
        )
        return httpx.Response(200, json=answer)

    def _look(self) -> dict[str, Any]:
        for model, following in self.after_load.items():
            if self.states[model][0] == "initializing" and following:
                self.states[model] = following.pop(0)
        return {
            model: {"status": one, "error": None if told is None else "CHECKPOINT_UNAVAILABLE"}
            for model, (one, told) in self.states.items()
        }

    def _describe(self, model: str) -> dict[str, Any]:
        return {
            "id": model,
            "name": model.upper(),
            "status": "planned" if model in self.planned else "active",
            "description": f"Forecasts by {model}.",
            "use_it_when": "you test",
            "licence": "MIT",
            "speed": "fast",
            "memory_bytes": 430_000_000,
            "capabilities": {
                "covariates": "native",
                "missing": True,
                "native_levels": [0.1, 0.5, 0.9],
                "max_horizon": 10000,
            },
            "model_status": self.states[model][0],
            "path": f"/forecast/v1/{model}",
        }
