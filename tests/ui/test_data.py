"""The page of a table."""

import re

from flask import Flask

from tests.ui.conftest import Visitor, upload
from tests.ui.fakes import CSV, MONTHLY, MONTHS, VALUES, Columns, FakeGateway, make_problem, make_report

HOSTILE = "<img src=x onerror=alert(1)>"


def test_the_page_of_a_table_shows_guesses_models_and_values(visitor: Visitor) -> None:
    text = visitor.get(visitor.bring()).text

    assert '<option value="target" selected>Target (forecast this) (guess)</option>' in text
    assert "12 rows, 1 series, one row a month, a season of 12 months" in text
    assert 'value="ets"' in text
    assert "430 MB of memory" in text
    assert "bands up to 80%" in text
    assert "<td>2024-01-01</td><td>10</td>" in text


def test_a_table_is_shown_to_nobody_else(page: Flask, visitor: Visitor) -> None:
    address = visitor.bring()
    stranger = Visitor(page)

    assert visitor.get(address).status_code == 200
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"{address}/chart").status_code == 404
    assert stranger.post(address).status_code == 404
    assert stranger.post(f"{address}/runs", models=["ets"], horizon="3").status_code == 404


def test_hostile_names_and_cells_are_shown_letter_for_letter(visitor: Visitor, gateway: FakeGateway) -> None:
    columns: Columns = {"month": list(MONTHS), HOSTILE: list(VALUES), "note": [HOSTILE] * 12}
    gateway.report = make_report(
        columns,
        {"month": "timestamp", HOSTILE: "target"},
        [make_problem("gaps", message=f"Column '{HOSTILE}' has gaps.", blocking=False, repairs=[HOSTILE])],
    )
    address = visitor.bring(**upload(b"x", f"{HOSTILE}.csv"))

    text = visitor.get(address).text

    assert HOSTILE not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") > 10
    figure = visitor.get(f"{address}/chart")
    assert figure.mimetype == "application/json"
    assert HOSTILE not in figure.text


def test_a_table_without_series_tells_its_rows_only(visitor: Visitor, gateway: FakeGateway) -> None:
    gateway.report = {**MONTHLY, "freq": None, "season_length": None, "series_count": 0, "series": []}

    text = visitor.get(visitor.bring()).text

    assert "<p>12 rows.</p>" in text


def test_the_chart_of_a_table_is_that_of_the_series_asked_for(visitor: Visitor, gateway: FakeGateway) -> None:
    columns: Columns = {
        "month": MONTHS[:2] * 2,
        "shop": ["a", "a", "b", "b"],
        "sales": [1.0, 2.0, 3.0, None],
    }
    gateway.report = make_report(columns, {"month": "timestamp", "shop": "id", "sales": "target"})
    address = visitor.bring()

    assert visitor.get(f"{address}/chart").json["data"][0]["y"] == [1.0, 2.0]  # type: ignore[index]
    assert visitor.get(f"{address}/chart?series=b").json["data"][0]["y"] == [3.0, None]  # type: ignore[index]
    assert visitor.get(f"{address}/chart?series=c").status_code == 404


def test_a_gateway_that_is_down_is_told_and_the_page_comes_back_by_itself(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    address = visitor.bring()
    gateway.down = True

    shown, sent = visitor.get(address), visitor.post("/tables", text=CSV)

    assert (shown.status_code, shown.headers["Refresh"]) == (503, "5")
    assert "The forecasting service does not answer." in shown.text
    assert (sent.status_code, "Refresh" in sent.headers) == (503, False)
    gateway.down = False
    assert visitor.get(address).status_code == 200


def test_the_horizon_is_preset_to_what_is_known_of_the_covariates(
    visitor: Visitor, gateway: FakeGateway
) -> None:
    columns: Columns = {"month": MONTHS, "price": VALUES, "sales": VALUES}
    roles = {"month": "timestamp", "price": "dynamic_numerical", "sales": "target"}
    gateway.report = make_report(columns, roles, future_steps=8)

    text = visitor.get(visitor.bring()).text

    assert "the future of covariates is known for 8 months" in text
    assert re.search(r'id="horizon"[^>]* value="8"', text)
    assert "Covariates are known for 8 months ahead. Beyond that the last known value is repeated" in text
