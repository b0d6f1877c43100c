"""The jobs and stored forecasts of the gateway that stands behind the page in tests."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

RUN = "run-1"
DAYS = ("2025-01-01", "2025-01-02")


def make_job(job_id: str = "job-1", **changes: Any) -> dict[str, Any]:
    """Return a job of a hundred items that goes on, as the gateway tells it."""
    told: dict[str, Any] = {
        "job_id": job_id,
        "status": "running",
        "kind": "forecast",
        "model": "ets",
        "dataset": "demand",
        "forecast_run_id": RUN,
        "items_total": 100,
        "items_done": 40,
        "items_failed": 0,
        "progress": 0.4,
        "estimated_end": "2099-01-01T00:00:00Z",
        "created_at": "2025-01-01T10:00:00Z",
        "started_at": "2025-01-01T10:00:05Z",
        "finished_at": None,
        "error": None,
        "result": None,
    }
    return told | changes


def end_job(job: Mapping[str, Any], status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """Return a job as it is after its end."""
    ended = {"status": status, "finished_at": "2025-01-01T10:04:15Z", "estimated_end": None}
    done = {"items_done": job["items_total"], "progress": 1.0, "result": f"/api/v1/forecasts/{RUN}"}
    return {**job, **ended, **done, **changes}


def make_item(name: str, levels: tuple[float, ...] = (0.1, 0.5, 0.9), **changes: Any) -> dict[str, Any]:
    """Return the forecast of an item over two days, 10 and 11, with bands of 10 times the level around it."""
    days = [
        {
            "date": day,
            "value": 10.0 + step,
            "quantiles": {f"{level:g}": 10.0 + step + 10 * (level - 0.5) for level in levels},
        }
        for step, day in enumerate(DAYS)
    ]
    metadata = {"cutoff": "2024-12-31", "context_length": 365, "frequency": "D", "method": "AutoETS"}
    more = {"covariates_used": False, "data_hash": "abc", "warnings": []}
    told: dict[str, Any] = {"forecast_id": f"f-{name}", "item_id": name, "status": "succeeded"}
    return told | {"predictions": days, "metadata": metadata | more, "error": None} | changes


def fail_item(name: str, why: str) -> dict[str, Any]:
    """Return an item that has no forecast."""
    error = {"error": "DATA_INVALID", "detail": why}
    return make_item(name, status="failed", predictions=[], metadata=None, error=error)


def make_run(*items: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a stored run of some items, as the gateway tells it."""
    failed = sum(item["error"] is not None for item in items)
    told: dict[str, Any] = {
        "forecast_run_id": RUN,
        "job_id": "job-1",
        "kind": "forecast",
        "user": "administrator",
        "model": "ets",
        "model_version": "2.0.1",
        "dataset": "demand",
        "start_date": None,
        "request": {},
        "prediction_length": 2,
        "quantile_levels": [0.1, 0.5, 0.9],
        "status": "succeeded",
        "error": None,
        "items_total": len(items),
        "items_done": len(items),
        "items_failed": failed,
        "created_at": "2025-01-01T10:00:00Z",
        "started_at": "2025-01-01T10:00:05Z",
        "finished_at": "2025-01-01T10:04:15Z",
        "seconds": 250.0,
    }
    return told | {"forecasts": list(items)} | changes


class Shelf:
    """What the gateway keeps; tests put jobs and runs in, and read how they were asked for."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.following: str | None = None
        self.queries: list[dict[str, str]] = []
        self.history: dict[str, list[tuple[str, float | None]]] = {}
        """What is known of the items of the dataset `demand`."""
        self.spans: list[dict[str, str]] = []
        self.files: dict[str, bytes] = {}
        """What a run is as a file, by its media type."""

    def answer(self, request: httpx.Request) -> httpx.Response | None:
        """Answer a call about jobs or forecasts, None to others; 404 is what is not here."""
        if request.url.path == "/api/v1/series":
            return self._read_series(dict(request.url.params))
        folder, _, name = request.url.path.removeprefix("/api/v1/").partition("/")
        if folder not in ("forecast-jobs", "forecasts"):
            return None
        kind, key = ("jobs", "job_id") if folder == "forecast-jobs" else ("forecasts", "forecast_run_id")
        rows = self.jobs if kind == "jobs" else self.runs
        if not name:
            return self._list(kind, rows, dict(request.url.params))
        found = next((row for row in rows if row[key] == name), None)
        if found is None:
            return _problem(404, "NOT_FOUND", f"There is no {name}.")
        return self._answer_one(kind, found, request)

    def _list(self, kind: str, rows: list[dict[str, Any]], asked: dict[str, str]) -> httpx.Response:
        self.queries.append(asked)
        told = [{one: own for one, own in row.items() if one != "forecasts"} for row in rows]
        return httpx.Response(200, json={kind: told, "next_cursor": self.following})

    def _answer_one(self, kind: str, found: dict[str, Any], request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return self._cancel(found)
        content = self.files.get(request.headers["accept"])
        if content is not None:
            return httpx.Response(200, content=content, headers={"content-type": request.headers["accept"]})
        return httpx.Response(
            200, json=self._page(found, request.url.params) if kind == "forecasts" else found
        )

    def _read_series(self, asked: dict[str, str]) -> httpx.Response:
        self.spans.append(asked)
        rows = self.history.get(asked["item_id"])
        if asked["dataset"] != "demand" or rows is None:
            return _problem(404, "NOT_FOUND", "There is no such history.")
        columns = {
            "item_id": [asked["item_id"] for _ in rows],
            "timestamp": [day for day, _ in rows],
            "value": [value for _, value in rows],
        }
        return httpx.Response(200, json={"rows": len(rows), "data": columns})

    def _page(self, run: dict[str, Any], asked: Mapping[str, str]) -> dict[str, Any]:
        """Return a run with the items that are asked for; a cursor is the number of the first one."""
        items = [
            item
            for item in run["forecasts"]
            if asked.get("item_id") in (None, item["item_id"])
            and asked.get("status") in (None, item["status"])
        ]
        start = int(asked.get("cursor", 0))
        end = start + int(asked.get("limit", 100))
        return run | {"forecasts": items[start:end], "next_cursor": str(end) if end < len(items) else None}

    def _cancel(self, job: dict[str, Any]) -> httpx.Response:
        if job["finished_at"] is not None:
            return _problem(409, "JOB_ENDED", "The job has ended.")
        job.update(end_job(job, "cancelled", items_done=job["items_done"], progress=job["progress"]))
        return httpx.Response(200, json=job)


def _problem(status: int, code: str, detail: str) -> httpx.Response:
    body = {"title": "No", "status": status, "detail": detail, "error": code, "errors": []}
    return httpx.Response(
        status, content=json.dumps(body), headers={"content-type": "application/problem+json"}
    )
