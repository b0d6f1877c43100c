"""A year of demand for 500 items: loaded, forecast by a job over a crash, and every number found again."""

import io
import signal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tests.conftest import AUTHORIZED
from tests.jobs.watching.reading import Told, open_stream, parse, read_all
from tests.server import Server, run_server
from tests.setup.conftest import free_port

ITEMS, DAYS, HORIZON, WEEK = 500, 365, 14, 7
LEVELS = [0.1, 0.5, 0.9]
ASK: dict[str, Any] = {
    "model": "statsforecast",
    "dataset": "demand",
    "prediction_length": HORIZON,
    "quantile_levels": LEVELS,
    "parameters": {"method": "SeasonalNaive"},
}


def make_demand() -> pd.DataFrame:
    """Return the demand table of a plan: a row for each day and item, with what moves the sales."""
    random = np.random.default_rng(7)
    days = pd.date_range("2024-01-01", periods=DAYS, freq="D")
    frame = pd.DataFrame(
        {
            "date": np.tile(days.strftime("%Y-%m-%d"), ITEMS),
            "item_id": np.repeat([f"SKU-{number:04}" for number in range(ITEMS)], DAYS),
            "promo_flag": (random.random(ITEMS * DAYS) < 0.1).astype(int),
            "holiday_flag": np.tile(days.strftime("%m-%d").isin(["01-01", "12-25", "12-26"]), ITEMS).astype(
                int
            ),
            "is_weekend": np.tile(days.dayofweek >= 5, ITEMS).astype(int),
            "marketing_spend_daily": random.gamma(2.0, 50.0, ITEMS * DAYS).round(2),
            "price": np.repeat(random.uniform(1, 100, ITEMS), DAYS).round(2),
        }
    )
    usual = 30 + 10 * frame["is_weekend"] + 20 * frame["promo_flag"] + frame["marketing_spend_daily"] / 20
    frame.insert(2, "units_sold", random.poisson(usual))
    return frame


@pytest.fixture(scope="module")
def sold() -> pd.DataFrame:
    return make_demand()


def call(server: Server, method: str, path: str, **sent: Any) -> httpx.Response:
    headers = AUTHORIZED | sent.pop("headers", {})
    url = f"{server.url}/api/v1{path}"
    answer = httpx.request(method, url, headers=headers, trust_env=False, timeout=60, **sent)
    assert answer.is_success, answer.text
    return answer


def put(server: Server, sold: pd.DataFrame) -> None:
    content = sold.to_csv(index=False).encode()
    headers = {"Content-Type": "text/csv"}
    told = call(server, "PUT", "/series?dataset=demand", content=content, headers=headers).json()
    assert (told["rows"], told["inserted"], told["new_items"]) == (ITEMS * DAYS, ITEMS * DAYS, ITEMS)
    assert (told["first"], told["last"]) == ("2024-01-01", "2024-12-30")


def follow_until(host: str, job_id: str, items: int) -> list[Told]:
    """Return the events of a job up to the first by which so many items are done."""
    seen: list[Told] = []
    with open_stream(host, job_id) as answer:
        for told in parse(answer.iter_lines()):
            seen.append(told)
            if told.data["items_done"] >= items:
                break
    return seen


def follow_over_a_crash(folder: Path, settings: dict[str, str], sold: pd.DataFrame) -> tuple[int, str]:
    """Load the demand, hand over a job, follow it, and end the gateway meanwhile as a crash does.

    Return the number of the last event that was seen, and the job.
    """
    port = int(settings["PORT"])
    with run_server(folder, port, 1, **settings) as server:
        put(server, sold)
        job = call(server, "POST", "/forecast-jobs", json=ASK | {"use_covariates": False}).json()
        assert (job["kind"], job["items_total"]) == ("forecast", ITEMS)
        seen = follow_until(f"127.0.0.1:{port}", job["job_id"], items=60)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(30)
    assert seen[0].event == "created"
    assert 60 <= seen[-1].data["items_done"] < ITEMS
    return seen[-1].id, job["job_id"]


def require_the_rest(host: str, job_id: str, last: int, done: int) -> None:
    """Require that a stream goes on after an event, forgets none and repeats none, until the job's end."""
    rest = read_all(host, job_id, last_event_id=str(last))
    assert all(told.id > last for told in rest)
    progress = [told.data["items_done"] for told in rest]
    assert progress == sorted(progress)
    assert progress[0] >= done
    assert [told.event for told in rest].count("ended") == 1
    end = rest[-1]
    assert (end.event, end.data["status"], end.data["items_done"]) == ("ended", "succeeded", ITEMS)
    assert end.data["items_failed"] == 0


def as_frame(forecasts: list[dict[str, Any]]) -> pd.DataFrame:
    """Return forecasts as an export has them."""
    return pd.DataFrame(
        {
            "forecast_id": one["forecast_id"],
            "item_id": one["item_id"],
            "date": pd.Timestamp(step["date"]),
            "horizon_day": day,
            "value": step["value"],
            **{f"q{level}": step["quantiles"][str(level)] for level in LEVELS},
        }
        for one in forecasts
        for day, step in enumerate(one["predictions"], 1)
    )


def read_back(server: Server, run_id: str) -> pd.DataFrame:
    """Return what is found of a run, which is the same in each format that it can be had in."""
    run = call(server, "GET", f"/forecasts/{run_id}", params={"limit": ITEMS}).json()
    assert (run["status"], run["items_done"], run["items_failed"]) == ("succeeded", ITEMS, 0)
    assert run["next_cursor"] is None
    told = as_frame(run["forecasts"])
    csv, parquet = (
        call(server, "GET", f"/forecasts/{run_id}", params={"format": name}).content
        for name in ("csv", "parquet")
    )
    for frame in (
        pd.read_csv(io.BytesIO(csv), float_precision="round_trip", parse_dates=["date"]),
        pd.read_parquet(io.BytesIO(parquet)),
    ):
        pd.testing.assert_frame_equal(frame, told, check_dtype=False, check_exact=True)
    return told


def expect_naive(sold: pd.DataFrame) -> pd.DataFrame:
    """Return what a seasonal naive forecast is: each item's last week, again and again."""
    week = sold.groupby("item_id").tail(WEEK)
    days = pd.date_range(pd.Timestamp(sold["date"].max()) + pd.Timedelta(days=1), periods=HORIZON, freq="D")
    units = week["units_sold"].to_numpy().reshape(ITEMS, WEEK)
    return pd.DataFrame(
        {
            "item_id": np.repeat(week["item_id"].unique(), HORIZON),
            "date": np.tile(days, ITEMS),
            "horizon_day": np.tile(np.arange(1, HORIZON + 1), ITEMS),
            "value": np.tile(units, HORIZON // WEEK).reshape(-1).astype(float),
        }
    )


def require_the_same_now(server: Server, kept: pd.DataFrame, **asked: Any) -> None:
    """Require that a forecast made now of three of the items is the one that was kept."""
    some = ["SKU-0000", "SKU-0137", "SKU-0499"]
    now = as_frame(
        call(server, "POST", "/forecast", json=ASK | asked | {"item_ids": some}).json()["forecasts"]
    )
    then = kept[kept["item_id"].isin(some)]
    pd.testing.assert_frame_equal(
        now.drop(columns="forecast_id"),
        then.drop(columns="forecast_id").reset_index(drop=True),
        check_exact=True,
    )


def require_covariates_to_matter(server: Server, without: pd.DataFrame) -> None:
    """Require that a job with covariates is as whole as one without, and has other numbers."""
    job = call(server, "POST", "/forecast-jobs", json=ASK | {"use_covariates": True}).json()
    end = read_all(f"127.0.0.1:{server.port}", job["job_id"])[-1]
    assert (end.event, end.data["status"]) == ("ended", "succeeded")
    kept = read_back(server, job["forecast_run_id"])
    named = ["item_id", "date", "horizon_day"]
    pd.testing.assert_frame_equal(kept[named], without[named])
    assert not np.allclose(kept["value"], without["value"])
    require_the_same_now(server, kept, use_covariates=True)


@pytest.mark.timeout(400)  # 30 s on a quiet host, all of them at work
def test_a_job_on_a_year_of_demand_survives_a_crash_and_every_number_is_found_again(
    tmp_path: Path, database_url: str, sold: pd.DataFrame
) -> None:
    settings = {
        "PORT": free_port(),
        "DATABASE_URL": database_url,
        "MODEL_NAME": "statsforecast",
        "INITIALIZE_ON_START": "statsforecast",
        "JOB_CHUNK_ITEMS": "20",
        "JOB_WORKERS": "1",
    }
    port = int(settings["PORT"])
    last, job_id = follow_over_a_crash(tmp_path, settings, sold)
    with run_server(tmp_path, port, 1, **settings) as server:
        require_the_rest(f"127.0.0.1:{port}", job_id, last, done=60)
        job = call(server, "GET", f"/forecast-jobs/{job_id}").json()
        assert job["result"] == f"/api/v1/forecasts/{job['forecast_run_id']}"
        kept = read_back(server, job["forecast_run_id"])
        naive = expect_naive(sold)
        pd.testing.assert_frame_equal(kept[list(naive)], naive, check_dtype=False, check_exact=True)
        assert (kept["q0.1"] < kept["q0.9"]).all()
        require_the_same_now(server, kept, use_covariates=False)
        require_covariates_to_matter(server, kept)
