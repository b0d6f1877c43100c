"""Work that a test controls: items that are named, computed at once and kept as runs keep them."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, insert, update

from forecast.core.errors import RequestError
from forecast.runs.outcome import Item
from forecast.runs.tables import forecast_items, forecast_runs
from forecast.runs.work import Ask, Part, PartResult

OnCompute = Callable[[Ask, Part, Callable[[], bool]], None]
BAD = {"error": "DATA_INVALID", "detail": "This item is bad."}


class FakeWork:
    """Items whose name begins with `bad` fail; `on_compute` runs before any others are computed."""

    def __init__(self, on_compute: OnCompute = lambda ask, part, cancelled: None) -> None:
        self.on_compute = on_compute
        self.computed: list[tuple[str, int]] = []

    def split(self, ask: Ask, most_items: int) -> list[Part]:
        names = ask.body["item_ids"] or []
        if "unknown" in names:
            raise RequestError("There is no item 'unknown'.")
        starts = range(0, len(names), most_items)
        pieces = [(start, names[start : start + most_items]) for start in starts]
        return [
            Part(number, len(piece), json.dumps([start, piece]).encode())
            for number, (start, piece) in enumerate(pieces)
        ]

    def divide(self, ask: Ask, part: Part, first_items: int, most_items: int) -> list[Part]:
        first, names = json.loads(part.content)
        starts = [0, *range(first_items, len(names), most_items)]
        pieces = [(first + at, names[at:end]) for at, end in pairwise([*starts, len(names)])]
        return [
            Part(number, len(piece), json.dumps([start, piece]).encode())
            for number, (start, piece) in enumerate(pieces)
        ]

    def compute(self, ask: Ask, part: Part, cancelled: Callable[[], bool]) -> PartResult:
        self.on_compute(ask, part, cancelled)
        self.computed.append((ask.client_id, part.number))
        start, names = json.loads(part.content)
        return PartResult(
            [
                Item(place, name, error=BAD if name.startswith("bad") else None)
                for place, name in enumerate(names, start)
            ]
        )

    def open_run(self, connection: Connection, ask: Ask, items: int, job_id: str | None) -> str:
        run_id = str(uuid.uuid4())
        row: dict[str, Any] = {
            "forecast_run_id": run_id,
            "client_id": ask.client_id,
            "user_id": ask.user_id,
            "job_id": job_id,
            "kind": ask.kind,
            "model_name": ask.model_id,
            "prediction_length": 1,
            "quantile_levels": [],
            "request": ask.body,
            "status": "pending",
            "items_total": items,
            "items_done": 0,
            "items_failed": 0,
            "created_at": datetime.now(UTC),
        }
        connection.execute(insert(forecast_runs).values(row))
        return run_id

    def keep(self, run_id: str, part: Part, result: PartResult) -> Callable[[Connection], None]:
        rows: list[dict[str, Any]] = [
            {
                "forecast_id": str(uuid.uuid4()),
                "forecast_run_id": run_id,
                "position": item.place,
                "item_id": item.item_id,
                "status": "failed" if item.error else "succeeded",
                "error": item.error,
                "warnings": [],
            }
            for item in result.rows
        ]

        def write(connection: Connection) -> None:
            connection.execute(insert(forecast_items), rows)

        return write

    def close_run(
        self, connection: Connection, run_id: str, status: str, error: Mapping[str, Any] | None
    ) -> None:
        mine = update(forecast_runs).where(forecast_runs.c.forecast_run_id == run_id)
        connection.execute(mine.values(status=status, error=error, finished_at=datetime.now(UTC)))
