"""What a visitor takes away: files, pictures, the exact request, and a link."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import KEY
from tests.page.conftest import Service
from tests.page.visitor import Visitor

HORIZON = 28
ENVIRONMENT = {"API_SECRET_KEY": KEY, "PATH": "/usr/bin:/bin", "NO_PROXY": "*"}


@pytest.fixture(scope="module")
def owner(browser: Browser, page: Service) -> Iterator[Visitor]:
    """The visitor whose result the tests of this module look at."""
    visitor = Visitor(browser, page.url)
    visitor.go("/")
    visitor.take_sample("Retail promotions")
    visitor.forecast(["StatsForecast", "Chronos"])
    visitor.await_result()
    yield visitor
    visitor.leave()


@pytest.fixture
def viewer(visitor: Visitor, owner: Visitor) -> Visitor:
    """Another visitor, who was given the address."""
    visitor.go(owner.tab.url)
    visitor.await_chart("#result")
    return visitor


def read_csv(viewer: Visitor, place: Path) -> list[dict[str, str]]:
    content = viewer.download(viewer.tab.get_by_role("link", name="CSV", exact=True), place)
    return list(csv.DictReader(content.decode().splitlines()))


def test_the_csv_has_each_series_model_and_step_with_the_numbers_of_the_chart(
    viewer: Visitor, tmp_path: Path
) -> None:
    rows = read_csv(viewer, tmp_path / "forecast.csv")

    assert len(rows) == 2 * 3 * HORIZON
    own = [row for row in rows if (row["unique_id"], row["model"]) == ("A", "Chronos")]
    line = next(line for line in viewer.figure() if line["name"] == "Chronos")
    assert [float(row["forecast"]) for row in own] == line["y"]
    assert [row["date"] for row in own] == line["x"]
    assert all(float(row["q0.1"]) <= float(row["q0.5"]) <= float(row["q0.9"]) for row in own)


def test_the_json_is_the_gateways_own_answer_of_each_model(viewer: Visitor, tmp_path: Path) -> None:
    content = viewer.download(viewer.tab.get_by_role("link", name="JSON"), tmp_path / "forecast.json")

    answers = json.loads(content)
    assert sorted(answers) == ["SeasonalNaive", "chronos", "statsforecast"]
    assert answers["chronos"]["prediction"]["series_ids"] == ["A", "B"]
    assert len(answers["chronos"]["prediction"]["point_forecast"][1]) == HORIZON


def test_the_pictures_are_a_png_twice_as_fine_and_an_svg(viewer: Visitor, tmp_path: Path) -> None:
    png = viewer.download(viewer.button("Picture (PNG)"), tmp_path / "chart.png")
    svg = viewer.download(viewer.button("Picture (SVG)"), tmp_path / "chart.svg").decode()

    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (2800, 1400)
    assert svg.startswith("<svg")
    assert "Chronos" in svg


def test_the_copied_curl_command_gets_the_same_numbers(viewer: Visitor, tmp_path: Path) -> None:
    viewer.tab.get_by_text("The request to Chronos").click()
    command = viewer.copy(viewer.button("Copy as curl").last)
    assert KEY not in command

    answer = json.loads(subprocess.check_output(["bash", "-c", command], env=ENVIRONMENT))

    rows = read_csv(viewer, tmp_path / "forecast.csv")
    shown = [float(row["forecast"]) for row in rows if (row["unique_id"], row["model"]) == ("B", "Chronos")]
    assert answer["prediction"]["point_forecast"][1] == pytest.approx(shown, rel=1e-6)


def test_the_copied_python_prints_the_same_table(viewer: Visitor, tmp_path: Path) -> None:
    viewer.tab.get_by_text("The request to Chronos").click()
    script = viewer.copy(viewer.button("Copy as Python").last)
    assert KEY not in script

    wide = script + "print(forecast['forecast'].tolist())\n"
    printed = subprocess.check_output([sys.executable, "-c", wide], env=ENVIRONMENT, text=True)

    rows = read_csv(viewer, tmp_path / "forecast.csv")
    shown = [float(row["forecast"]) for row in rows if row["model"] == "Chronos"]
    assert json.loads(printed.splitlines()[-1]) == pytest.approx(shown, rel=1e-6)


def test_the_copied_link_opens_the_same_view_for_somebody_else(
    viewer: Visitor, browser: Browser, page: Service
) -> None:
    viewer.tab.get_by_role("link", name="B", exact=True).click()
    viewer.tab.get_by_role("link", name="Test on the last steps").click()
    expect(viewer.tab.get_by_role("heading", name="B: Test on the last steps")).to_be_visible()
    viewer.await_chart("#result")
    address = viewer.copy(viewer.button("Copy the link to this view"), clicks=2)
    expect(viewer.button("Copy the link to this view")).to_be_visible()

    other = Visitor(browser, page.url)
    other.go(address)

    other.await_chart("#result")
    expect(other.tab.get_by_role("heading", name="B: Test on the last steps")).to_be_visible()
    assert other.figure() == viewer.figure()
    other.leave()


def test_a_shared_result_opens_no_way_to_the_table(viewer: Visitor, owner: Visitor) -> None:
    address = owner.tab.get_by_role("link", name="Back to the data").get_attribute("href")
    assert address is not None
    expect(viewer.tab.get_by_role("link", name="Back to the data")).to_have_count(0)

    viewer.refusals = {404}
    viewer.go(address)

    expect(viewer.tab.get_by_role("heading", name="Not found")).to_be_visible()


def test_the_policy_stops_a_request_to_another_host(viewer: Visitor) -> None:
    viewer.elsewhere = "http://127.0.0.2:9/"
    # The tab may tell it some time after it has stopped the request.
    with viewer.tab.expect_console_message(lambda message: "Content Security Policy" in message.text):
        refused = viewer.tab.evaluate("where => fetch(where).catch(error => error.name)", viewer.elsewhere)

    assert refused == "TypeError"
    assert any("Content Security Policy" in stop for stop in viewer.stops)


def test_the_numbers_are_a_table_too(viewer: Visitor) -> None:
    viewer.tab.get_by_text("The numbers").click()

    table = viewer.tab.get_by_role("region", name="Forecast values")
    expect(table.get_by_role("row")).to_have_count(HORIZON + 1)
