import json
import re
from typing import Any

import pytest

from tests.ui.conftest import Visitor, rows_of
from tests.ui.fakes import FakeGateway
from tests.ui.shelf import fail_item, make_item, make_run


def figure_of(text: str) -> dict[str, Any]:
    """Return the figure that a page brings with it."""
    (found,) = re.findall(r"data-figure='([^']+)'", text)
    return json.loads(found)  # type: ignore[no-any-return]


@pytest.fixture
def run(gateway: FakeGateway) -> dict[str, Any]:
    """A run of two items that have a forecast, and one that has none."""
    gateway.shelf.runs = [make_run(make_item("A"), fail_item("B", "B has 3 values."), make_item("C <b>"))]
    return gateway.shelf.runs[0]


def test_forecasts_are_listed_with_what_was_asked(
    visitor: Visitor, gateway: FakeGateway, run: dict[str, Any]
) -> None:
    gateway.shelf.runs.append(make_run(forecast_run_id="run-2", dataset=None, start_date="2024-06-30"))

    text = visitor.get("/forecasts").text

    rows = rows_of(text)
    assert "run-1 Done ETS demand 3 items 1 failed 2 steps ahead cutoff end of the data" in rows[1]
    assert "took 4 min 10 s made 2025-01-01" in rows[1]
    assert "run-2 Done ETS in the request 0 items 2 steps ahead cutoff 2024-06-30" in rows[2]
    assert 'href="/forecasts/run-1"' in text


def test_forecasts_are_searched_by_everything_they_have(
    visitor: Visitor, gateway: FakeGateway, run: dict[str, Any]
) -> None:
    gateway.shelf.following = "more"
    search = "item_id=A&model=ets&dataset=demand&status=succeeded&from=2025-01-01&to=2025-01-31"

    text = visitor.get(f"/forecasts?{search}").text

    assert gateway.shelf.queries == [
        {
            "item_id": "A",
            "model": "ets",
            "dataset": "demand",
            "status": "succeeded",
            "created_after": "2025-01-01T00:00:00+00:00",
            "created_before": "2025-02-01T00:00:00+00:00",
            "limit": "25",
        }
    ]
    assert f'href="/forecasts?cursor=more&amp;{search.replace("&", "&amp;")}"' in text
    assert 'value="2025-01-31"' in text
    assert 'href="/forecasts/run-1?item=A"' in text


@pytest.mark.parametrize("place", ["forecasts", "jobs"])
def test_a_model_that_is_only_planned_is_not_searched_for(
    visitor: Visitor, gateway: FakeGateway, place: str
) -> None:
    gateway.planned = {"deep"}

    text = visitor.get(f"/{place}").text

    assert '<option value="ets" >ETS</option>' in text
    assert "DEEP" not in text


@pytest.mark.parametrize("day", ["yesterday", "2025-02-30", "9999-12-31"])
def test_a_date_that_is_none_is_told(visitor: Visitor, day: str) -> None:
    answer = visitor.get(f"/forecasts?to={day}")

    assert answer.status_code == 422
    assert f"“{day}” is no date" in answer.text


def test_without_forecasts_the_page_tells_how_to_make_one(visitor: Visitor) -> None:
    text = visitor.get("/forecasts").text

    assert "There are no forecasts yet" in text
    assert "curl -sS http://127.0.0.1:8000/api/v1/forecast-jobs" in text
    assert "No forecast is like this." in visitor.get("/forecasts?item_id=gone").text


def test_a_run_tells_what_was_asked_and_shows_its_first_item(visitor: Visitor, run: dict[str, Any]) -> None:
    text = visitor.get("/forecasts/run-1").text

    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)</dd>", text))
    assert facts["Model"] == "ETS, 2.0.1"
    assert facts["Data"] == "the dataset demand"
    assert facts["Cutoff"] == "the end of the data"
    assert facts["Quantiles"] == "0.1, 0.5, 0.9"
    assert facts["By"] == "administrator"
    assert facts["Made"] == "2025-01-01 10:00:00 UTC"
    assert facts["Took"] == "4 min 10 s"
    assert 'href="/jobs/job-1"' in facts["Job"]
    assert "2 items forecast" in text
    assert "ETS used AutoETS." in text
    assert [cell.strip() for cell in re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", text)] == [
        *("Date", "Forecast", "Quantile 0.1", "Quantile 0.5", "Quantile 0.9"),
        *("2025-01-01", "10.00", "6.000", "10.00", "14.00"),
        *("2025-01-02", "11.00", "7.000", "11.00", "15.00"),
    ]


def test_any_item_is_opened_by_its_name_letter_for_letter(visitor: Visitor, run: dict[str, Any]) -> None:
    text = visitor.get("/forecasts/run-1?item=C+%3Cb%3E").text

    assert "<h2>C &lt;b&gt;</h2>" in text
    assert figure_of(text)["layout"]["yaxis"]["title"]["text"] == "C &lt;b&gt;"


def test_items_that_failed_are_found_and_say_why(visitor: Visitor, run: dict[str, Any]) -> None:
    text = visitor.get("/forecasts/run-1").text
    assert 'href="/forecasts/run-1?status=failed" class="fault">1 item failed</a>' in text

    text = visitor.get("/forecasts/run-1?status=failed").text
    assert "Items without a forecast" in text
    assert "<h2>B</h2>" in text
    assert "B has 3 values." in text
    assert "data-figure" not in text
    assert "item=A" not in text


def test_items_are_listed_page_by_page_and_found_on_any(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.shelf.runs = [make_run(*(make_item(f"item {number:02d}") for number in range(60)))]

    text = visitor.get("/forecasts/run-1?cursor=25").text

    assert re.findall(r'<li><a [^>]*aria-current="true">([^<]+)<', text) == ["item 25"]
    assert 'rel="next" href="/forecasts/run-1?cursor=50"' in text
    assert "<h2>item 59</h2>" in visitor.get("/forecasts/run-1?item=item+59").text
    assert "This run has no item “item 60”." in visitor.get("/forecasts/run-1?item=item+60").text


def test_the_chart_has_the_forecast_and_a_band_of_the_share_between_its_quantiles(
    visitor: Visitor, run: dict[str, Any]
) -> None:
    figure = figure_of(visitor.get("/forecasts/run-1?item=A").text)

    lines = {line["name"]: line["y"] for line in figure["data"]}
    assert lines == {
        "ETS 80%, lower": [6.0, 7.0],
        "ETS bands (80%)": [14.0, 15.0],
        "ETS": [10.0, 11.0],
    }
    assert figure["layout"]["shapes"] == []


def test_a_quantile_without_a_mirror_is_a_line_of_its_own(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.shelf.runs = [make_run(make_item("A", (0.0005, 0.5, 0.9, 0.9995)))]

    figure = figure_of(visitor.get("/forecasts/run-1?item=A").text)

    names = [line["name"] for line in figure["data"]]
    assert names == ["ETS 99.9%, lower", "ETS bands (99.9%)", "ETS quantile 0.9", "ETS"]


def test_the_chart_has_the_history_of_the_item_and_what_happened_since(
    visitor: Visitor, gateway: FakeGateway, run: dict[str, Any]
) -> None:
    before = [("2024-12-30", 8.0), ("2024-12-31T00:00:00", None)]
    gateway.shelf.history["A"] = [*before, ("2025-01-01", 12.5)]

    text = visitor.get("/forecasts/run-1?item=A").text

    lines = {line["name"]: (line["x"], line["y"]) for line in figure_of(text)["data"]}
    assert lines["History"] == (["2024-12-30", "2024-12-31T00:00:00"], [8.0, None])
    assert lines["Actual"] == (["2025-01-01", "2025-01-02"], [12.5, None])
    assert "2025-01-01 12.50 10.00 6.000" in rows_of(text)[1]
    assert "The history, and what happened after the cutoff, is that of the dataset now." in text
    assert gateway.shelf.spans == [
        {
            "dataset": "demand",
            "item_id": "A",
            "from": "2024-11-21T00:00:00",
            "to": "2025-01-02",
            "format": "json",
        }
    ]


@pytest.mark.parametrize("dataset", ["gone", None])
def test_a_forecast_whose_history_is_gone_or_was_never_there_is_shown_alone(
    visitor: Visitor, gateway: FakeGateway, dataset: str | None
) -> None:
    gateway.shelf.runs = [make_run(make_item("A"), dataset=dataset)]

    text = visitor.get("/forecasts/run-1").text

    assert "History" not in [line["name"] for line in figure_of(text)["data"]]
    assert "of the dataset now" not in text
    assert len(gateway.shelf.spans) == (0 if dataset is None else 1)


def test_a_run_that_failed_as_a_whole_says_why(visitor: Visitor, gateway: FakeGateway) -> None:
    error = {"error": "MODEL_LOST", "detail": "The model is gone."}
    gateway.shelf.runs = [make_run(status="failed", error=error, items_total=5)]

    text = visitor.get("/forecasts/run-1").text

    assert "The model is gone." in text
    assert "Take it away" not in text
