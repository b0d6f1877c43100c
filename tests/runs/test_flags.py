from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.conftest import AUTHORIZED
from tests.runs.conftest import ask, put

BERLIN = "Europe/Berlin"
MOVED = pd.date_range("2024-01-01", periods=20, freq="D").append(
    pd.date_range("2024-01-21 06:00", periods=30, freq="D")
)
ANOTHER_WEEKDAY = pd.date_range("2024-01-01", periods=20, freq="7D").append(
    pd.date_range("2024-05-22", periods=30, freq="7D")
)
MIDNIGHTS = pd.date_range("2024-03-10", periods=50, freq="D", tz=BERLIN).tz_convert("UTC")
HOURS = pd.date_range("2024-03-30", periods=50, freq="h", tz=BERLIN).tz_localize(None)


@pytest.mark.parametrize(
    ("stamps", "freq", "parameters"),
    [
        (MOVED, "D", {"context_start_date": "2024-01-21"}),
        (ANOTHER_WEEKDAY, "7D", {"context_start_date": "2024-05-20"}),
        (MIDNIGHTS, None, {"timezone": BERLIN, "freq": "D"}),
        (HOURS, None, {"timezone": BERLIN, "freq": "h"}),
    ],
)
def test_gaps_are_flagged_on_the_calendar_of_the_forecast(
    stamps: pd.DatetimeIndex,
    freq: str | None,
    parameters: dict[str, Any],
    client: TestClient,
    database: Database,
) -> None:
    settings = {"country": "DE", "missing": "interpolate", "freq": freq}
    client.put("/api/v1/datasets/default", json=settings, headers=AUTHORIZED).raise_for_status()
    values = {"value": np.arange(50.0) % 7, "is_weekend": 0.0}
    frame = pd.DataFrame({"item_id": "A", "timestamp": stamps, **values})
    put(database, frame.drop(index=[35, 45]))

    (told,) = ask(client, parameters=parameters)["forecasts"]

    assert told["error"] is None
    assert len(told["predictions"]) == 4
