import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from forecast.core.media import ARROW, CSV, PARQUET
from forecast.database.connection import Database
from tests.runs.conftest import ask, demand, put


def read(media: str, content: bytes) -> pd.DataFrame:
    if media == CSV:
        return pd.read_csv(io.BytesIO(content), float_precision="round_trip", parse_dates=["date"])
    if media == PARQUET:
        return pd.read_parquet(io.BytesIO(content))
    frame: pd.DataFrame = pa.ipc.open_stream(content).read_all().to_pandas()
    return frame


@pytest.mark.parametrize(("name", "media"), [("csv", CSV), ("parquet", PARQUET), ("arrow", ARROW)])
@pytest.mark.parametrize("levels", [[0.1, 0.5, 0.9], [0.25, 0.9], None])
def test_a_file_has_the_same_numbers_as_the_answer(
    client: TestClient, items: pd.DataFrame, name: str, media: str, levels: Any
) -> None:
    told = ask(client, item_ids=["A", "gone", "C"], quantile_levels=levels)
    path = f"/api/v1/forecasts/{told['forecast_run_id']}"

    asked = client.get(path, params={"format": name})
    accepted = client.get(path, headers={"Accept": media})

    assert asked.headers["content-type"].startswith(media)
    assert asked.content == accepted.content
    wanted = [
        {
            "forecast_id": one["forecast_id"],
            "item_id": one["item_id"],
            "date": pd.Timestamp(step["date"]),
            "horizon_day": day,
            "value": step["value"],
            **{f"q{level}": value for level, value in step["quantiles"].items()},
        }
        for one in told["forecasts"]
        for day, step in enumerate(one["predictions"], 1)
    ]
    pd.testing.assert_frame_equal(
        read(media, asked.content), pd.DataFrame(wanted), check_dtype=False, check_exact=True
    )
    alone = client.get(f"/api/v1/forecasts/{told['forecasts'][2]['forecast_id']}", params={"format": name})
    assert read(media, alone.content)["item_id"].unique().tolist() == ["C"]


def test_parts_that_were_stored_at_the_same_time_are_told_apart(
    client: TestClient, items: pd.DataFrame, database: Database
) -> None:
    told = ask(client)
    # Two that write at once take their numbers in turn, and so lie row by row.
    mixed = "UPDATE forecast_results SET result_id = 1000000 + horizon_day * 1000 + result_id"
    with database.write() as connection:
        connection.execute(text(mixed))

    path = f"/api/v1/forecasts/{told['forecast_run_id']}"
    assert client.get(path).json()["forecasts"] == told["forecasts"]
    frame = read(CSV, client.get(path, params={"format": "csv"}).content)
    assert frame["item_id"].tolist() == [name for name in "ABC" for _ in range(4)]
    assert frame["horizon_day"].tolist() == [1, 2, 3, 4] * 3


@pytest.mark.parametrize("media", [CSV, PARQUET, ARROW])
def test_a_run_without_forecasts_has_a_file_without_rows(
    client: TestClient, items: pd.DataFrame, media: str
) -> None:
    told = ask(client, item_ids=["gone"])

    answer = client.get(f"/api/v1/forecasts/{told['forecast_run_id']}", headers={"Accept": media})

    columns = ["forecast_id", "item_id", "date", "horizon_day", "value", "q0.1", "q0.5", "q0.9"]
    frame = read(media, answer.content)
    assert list(frame.columns) == columns
    assert len(frame) == 0


def test_hours_in_a_zone_keep_their_clock(client: TestClient, database: Database) -> None:
    frame = demand("A", 60)
    frame["timestamp"] = pd.date_range("2024-03-29", periods=60, freq="h", tz="Europe/Berlin")
    put(database, frame.assign(timestamp=frame["timestamp"].map(lambda stamp: stamp.isoformat())))

    told = ask(client, parameters={"timezone": "Europe/Berlin"})
    run_id = told["forecast_run_id"]

    dates = [step["date"] for step in told["forecasts"][0]["predictions"]]
    assert dates == [f"2024-03-31T{hour:02}:00:00+02:00" for hour in (13, 14, 15, 16)]
    assert client.get(f"/api/v1/forecasts/{run_id}").json()["forecasts"] == told["forecasts"]
    table = pa.ipc.open_stream(
        client.get(f"/api/v1/forecasts/{run_id}", params={"format": "arrow"}).content
    ).read_all()
    assert table.schema.field("date").type == pa.timestamp("us", "Europe/Berlin")


def test_other_kinds_of_answers_are_refused(client: TestClient, items: pd.DataFrame) -> None:
    run_id = ask(client)["forecast_run_id"]

    answer = client.get(f"/api/v1/forecasts/{run_id}", headers={"Accept": "image/png"})
    wrong = client.get(f"/api/v1/forecasts/{run_id}", params={"format": "xlsx"})

    assert answer.status_code == 406
    assert wrong.status_code == 422
