"""What the gateway keeps: jobs that are followed and cancelled, forecasts that are found and taken away."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import AUTHORIZED
from tests.page.conftest import Service, until
from tests.page.test_look import LOOKS, find_faults
from tests.page.visitor import Visitor

SHOPS, CUTOFF = 6, 24
ROWS = [
    (f"shop {shop}", f"2024-01-{day:02}", shop * 10 + day % 7)
    for shop in range(1, SHOPS + 1)
    for day in range(1, 29)
    if (shop, day) != (SHOPS, 10)
]
BODY: dict[str, Any] = {
    "data_definition": {"shop": "id", "date": "timestamp", "sales": "target"},
    "parameters": {"horizon_len": 3, "quantile_levels": [0.1, 0.5, 0.9]},
}


@pytest.fixture(scope="module")
def source(gateway: Service) -> str:
    """A table of six shops, the last of which has a gap."""
    content = "\n".join(["shop,date,sales", *(",".join(map(str, row)) for row in ROWS)]).encode()
    answer = call(gateway, "POST", "/api/v1/uploads", files={"file": ("shops.csv", content)})
    return str(answer["path"])


@pytest.fixture
def hold(gateway: Service, folder: Path) -> Iterator[Path]:
    """The file that holds the slow model, which is loaded, back while it is there."""
    call(gateway, "POST", "/forecast/v1/fake/initialization", json={})
    barrier = folder / "hold-forecast"
    (folder / "held").unlink(missing_ok=True)
    yield barrier
    barrier.unlink(missing_ok=True)


def call(gateway: Service, method: str, path: str, **content: Any) -> dict[str, Any]:
    answer = httpx.request(
        method, gateway.url + path, headers=AUTHORIZED, timeout=60, trust_env=False, **content
    )
    assert answer.is_success, answer.text
    return answer.json()  # type: ignore[no-any-return]


def hand_over(gateway: Service, source: str, model: str) -> str:
    """Hand a job over and return its ID."""
    body = BODY | {"model": model, "data_source_url_or_path": source}
    return str(call(gateway, "POST", "/api/v1/forecast-jobs", json=body)["job_id"])


def finish(gateway: Service, job_id: str) -> dict[str, Any]:
    """Return a job when it has ended."""
    place = f"/api/v1/forecast-jobs/{job_id}"
    until(lambda: call(gateway, "GET", place)["finished_at"] is not None)
    return call(gateway, "GET", place)


def test_a_job_is_followed_live_to_its_forecasts_and_they_are_taken_away(
    visitor: Visitor, gateway: Service, source: str, hold: Path, folder: Path, tmp_path: Path
) -> None:
    hold.touch()
    job_id = hand_over(gateway, source, "fake")
    visitor.tab.get_by_role("link", name="Jobs", exact=True).click()
    visitor.tab.get_by_role("link", name=f"Job {job_id}").click()
    expect(visitor.tab.get_by_role("progressbar", name="Items done")).to_be_visible()
    expect(visitor.tab.locator(".mark.running")).to_be_visible()
    until((folder / "held").exists)

    hold.unlink()

    expect(visitor.tab.get_by_role("heading", name="How it ended")).to_be_visible()
    expect(visitor.tab.get_by_text(f"{SHOPS} of {SHOPS} items done")).to_be_visible()
    visitor.tab.get_by_role("link", name="Open the forecasts").click()
    visitor.tab.get_by_role("link", name="shop 2", exact=True).click()
    expect(visitor.tab.get_by_role("heading", name="shop 2", exact=True)).to_be_visible()
    visitor.await_chart("#result")
    lines = {line["name"]: line["y"] for line in visitor.figure()}
    assert set(lines) == {"Slow model 80%, lower", "Slow model bands (80%)", "Slow model"}
    assert lines["Slow model"] == [20, 20, 20]

    csv = visitor.download(visitor.tab.get_by_role("link", name="CSV"), tmp_path / "run.csv")
    parquet = visitor.download(visitor.tab.get_by_role("link", name="Parquet"), tmp_path / "run.parquet")
    told = [pd.read_csv(io.BytesIO(csv)), pd.read_parquet(io.BytesIO(parquet))]
    for table in told:
        assert table.dropna()["item_id"].value_counts().tolist() == [3] * (SHOPS - 1)


def test_a_job_is_cancelled_after_a_question_without_a_pointer(
    visitor: Visitor, gateway: Service, source: str, hold: Path, folder: Path
) -> None:
    hold.touch()
    job_id = hand_over(gateway, source, "fake")
    visitor.go(f"/jobs/{job_id}")
    until((folder / "held").exists)
    assert not visitor.button("Yes, cancel it").is_visible()

    visitor.tab.get_by_text("Cancel this job").press("Enter")
    visitor.button("Yes, cancel it").press("Enter")

    expect(visitor.tab.locator(".mark.cancelled")).to_be_visible()
    hold.unlink()
    assert finish(gateway, job_id)["status"] == "cancelled"


def test_forecasts_are_found_by_item_and_axe_finds_nothing_serious(
    browser: Browser, page: Service, gateway: Service, pictures: Path
) -> None:
    names = {f"{name}_column": name for name in ("timestamp", "value")}
    history = [{"item_id": row[0], "timestamp": row[1], "value": row[2]} for row in ROWS]
    call(gateway, "PUT", "/api/v1/series", json={"dataset": "shops", "data": history, **names})
    asked = {
        "model": "statsforecast",
        "dataset": "shops",
        "prediction_length": 7,
        "start_date": f"2024-01-{CUTOFF}",
    }
    job_id = str(call(gateway, "POST", "/api/v1/forecast-jobs", json=asked)["job_id"])
    job = finish(gateway, job_id)
    assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", SHOPS, 1)
    for look in ("desk-light", "phone-dark"):
        visitor = Visitor(browser, page.url, **LOOKS[look])
        visitor.go("/jobs")
        faults = find_faults(visitor)
        visitor.tab.screenshot(path=pictures / f"{look}-jobs.png", full_page=True)
        visitor.go("/forecasts")
        visitor.tab.get_by_label("Item").fill("shop 3")
        visitor.tab.get_by_label("Model").select_option(label="StatsForecast")
        visitor.button("Search").click()
        visitor.tab.get_by_role("link", name=f"Forecast {job['forecast_run_id']}").click()
        expect(visitor.tab.get_by_role("heading", name="shop 3")).to_be_visible()
        visitor.await_chart("#result")
        lines = {line["name"]: line for line in visitor.figure()}
        assert len(lines["History"]["y"]) == CUTOFF
        assert lines["Actual"]["y"] == [34, 35, 36, 30, None, None, None]
        faults += find_faults(visitor)
        visitor.tab.screenshot(path=pictures / f"{look}-forecast.png", full_page=True)
        visitor.tab.get_by_role("link", name="1 item failed").click()
        expect(visitor.tab.get_by_text("There is no forecast of this item.")).to_be_visible()
        visitor.leave()
        assert faults == []
