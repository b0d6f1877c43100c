"""Work of runs as jobs have it done: cut into parts, each computed of what was written down of it."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from forecast.runs.outcome import Item
from forecast.runs.run import RunWork
from forecast.runs.telling import tell_items
from forecast.runs.work import Ask, Part
from tests.runs.conftest import demand

MakeWork = Callable[..., RunWork]


def by_name(model_id: str = "fake", **body: Any) -> Ask:
    asked = {"prediction_length": 7, "quantile_levels": [0.1, 0.5]} | body
    return Ask("forecast", "default", "tests", model_id, asked)


def by_table(frame: pd.DataFrame, model_id: str = "fake", **parameters: Any) -> Ask:
    cells = frame.assign(timestamp=frame["timestamp"].astype(str)).astype(object)
    table = {name: [None if pd.isna(cell) else cell for cell in cells[name]] for name in cells}
    roles = {"item_id": "id", "timestamp": "timestamp", "value": "target"}
    body = {
        "data": table,
        "data_definition": roles,
        "parameters": {"horizon_len": 7, "quantile_levels": [0.1, 0.5]} | parameters,
    }
    return Ask("inference", "default", "tests", model_id, body)


def compute(work: RunWork, ask: Ask, most: int, then: tuple[int, int] | None = None) -> list[Item]:
    """Compute the parts as jobs do that keep them: from what was written down of them.

    Each is divided into one of some items and others of so many where `then` tells both.
    """
    kept = Ask.from_json(ask.to_json())
    parts = [Part(part.number, part.items, bytes(part.content)) for part in work.split(ask, most)]
    if then is not None:
        parts = [piece for part in parts for piece in work.divide(kept, part, *then)]
    assert all(part.items <= min(most, max(then or (most,))) for part in parts)
    results = [work.compute(kept, part, lambda: False) for part in reversed(parts)]
    assert [result.items for result in results] == [part.items for part in reversed(parts)]
    return sorted((row for result in results for row in result.rows), key=lambda row: row.place)


def told(rows: list[Item]) -> Any:
    return tell_items("run", rows)


def sales() -> pd.DataFrame:
    longest = demand("weekly", 50)
    longest["timestamp"] = pd.date_range("2023-01-01", periods=50, freq="D")
    return pd.concat([demand("A", 20), longest, demand("B", 30), demand("C", 10), demand("D", 25)])
