from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.conftest import AUTHORIZED
from tests.core.regressed import Native
from tests.fakes import FakeAdapter
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


WEEKENDS = {"calendar": ["is_weekend"]}
BEFORE_SUMMER = pd.date_range("2024-03-04", "2024-03-29", tz=BERLIN)
HOURS_BEFORE_SUMMER = pd.date_range("2024-03-29", "2024-03-30 23:00", freq="h")
HOURS_BEFORE_WINTER = pd.date_range("2024-10-25", "2024-10-26 23:30", freq="30min")


def flags_seen(client: TestClient, fake: FakeAdapter, steps: int, freq: str) -> tuple[Any, list[float]]:
    """Return the flags of context and horizon that the model is given, and those that their stamps tell."""
    tasks: list[Any] = []
    fake.on_predict = tasks.extend
    (told,) = ask(client, prediction_length=steps, parameters={"timezone": BERLIN, "freq": freq})["forecasts"]
    assert told["error"] is None
    assert told["metadata"]["warnings"] == []
    series = tasks[0].series
    (flag,) = series.covariates
    clock = series.index.append(series.future_index)
    assert len(series.future_index) == steps
    return np.concatenate([flag.past, flag.future]).tolist(), (clock.dayofweek > 4).astype(float).tolist()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("stamps", "freq", "steps"),
    [
        (BEFORE_SUMMER.tz_convert("UTC"), "D", 7),
        (HOURS_BEFORE_SUMMER, "h", 48),
        (HOURS_BEFORE_WINTER, "30min", 99),
        (HOURS_BEFORE_WINTER.tz_localize(BERLIN).tz_convert("America/New_York"), "30min", 99),
    ],
)
def test_flags_ahead_and_empty_ones_are_those_of_the_clock_of_the_forecast(
    stamps: pd.DatetimeIndex,
    freq: str,
    steps: int,
    known: bool,
    client: TestClient,
    database: Database,
    fake: FakeAdapter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeAdapter, "covariate_mode", Native.covariate_mode)
    client.put("/api/v1/datasets/default", json=WEEKENDS, headers=AUTHORIZED).raise_for_status()
    clock = stamps if stamps.tz is None else stamps.tz_convert(BERLIN)
    weekend = (clock.dayofweek > 4).astype(float)
    flags = weekend if known else [weekend[0], *[np.nan] * (len(stamps) - 1)]
    values = {"value": np.arange(float(len(stamps))) % 7, "is_weekend": flags}
    put(database, pd.DataFrame({"item_id": "A", "timestamp": stamps, **values}))

    found, wanted = flags_seen(client, fake, steps, freq)

    assert found == wanted
    assert 0 < sum(found[-steps:]) < steps


def test_an_item_without_the_times_of_a_clock_costs_the_others_no_flag(
    client: TestClient, database: Database, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeAdapter, "covariate_mode", Native.covariate_mode)
    client.put("/api/v1/datasets/default", json=WEEKENDS, headers=AUTHORIZED).raise_for_status()
    sound = pd.DataFrame({"item_id": "A", "timestamp": HOURS_BEFORE_SUMMER, "value": 1.0, "is_weekend": 0.0})
    skipped = pd.date_range("2024-03-31", periods=20, freq="h")
    put(database, pd.concat([sound, sound.head(20).assign(item_id="B", timestamp=skipped)]))

    told = ask(client, parameters={"timezone": BERLIN, "freq": "h"})["forecasts"]

    assert told[0]["metadata"]["warnings"] == []
    assert "a time that the clock of Europe/Berlin skips or repeats" in told[1]["error"]["detail"]
