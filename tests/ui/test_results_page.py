import csv
import io
import re
from typing import Any

import pytest
from flask import Flask

from tests.ui.conftest import HOSTILE, MakePage, Visitor, done, finish
from tests.ui.fakes import MONTHS, VALUES, FakeGateway, make_problem, refuse
from ui.context import KEY, Context

INFERENCE = "POST /forecast/v1/ets/inference"


def test_a_forecast_leads_to_its_run_by_form_and_by_htmx(visitor: Visitor, shared: Context) -> None:
    table = visitor.bring()

    assert re.fullmatch(r"/runs/[0-9a-f]{32}", visitor.forecast(table))
    answer = visitor.post_htmx(f"{table}/runs", models=["ets"], horizon="3")
    assert (answer.status_code, answer.text) == (204, "")
    assert re.fullmatch(r"/runs/[0-9a-f]{32}", answer.headers["HX-Redirect"])
    finish(shared.background)


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"horizon": "3"}, "models", "Choose at least one model."),
        ({"models": ["ets"], "horizon": "x"}, "horizon", "The horizon is a number of steps from 1 to 10000."),
        (
            {"models": ["ets"], "horizon": "12", "holdout": "true"},
            "horizon",
            "To test 12 steps, series of more than 12 rows are needed; the longest has 12.",
        ),
        (
            {"models": ["ets"], "horizon": "3", "country": "Germany"},
            "country",
            "A country is its ISO code, such as DE or US-NY.",
        ),
    ],
)
def test_a_form_that_makes_no_sense_is_told_at_its_field(
    visitor: Visitor, fields: dict[str, Any], field: str, sentence: str
) -> None:
    table = visitor.bring()
    visitor.get(table)

    answer = visitor.post_htmx(f"{table}/runs", **fields)

    assert answer.status_code == 422
    assert f'data-column="{field}"' in answer.text
    assert sentence in answer.text
    assert visitor.post(f"{table}/runs", **fields).status_code == 422


def test_what_blocks_is_to_be_settled_first(visitor: Visitor, gateway: FakeGateway) -> None:
    table = visitor.bring()
    gateway.report = {**gateway.report, "problems": [make_problem("gaps", message="There are gaps.")]}
    visitor.get(table)
    visitor.post(table, **{"role-0": "timestamp", "role-1": "target"})

    answer = visitor.post(f"{table}/runs", models=["ets"], horizon="3")

    assert answer.status_code == 422
    assert "Settle the problems of the data first: There are gaps." in answer.text


def test_a_run_shows_its_progress_until_it_is_cancelled(
    page: Flask, visitor: Visitor, gateway: FakeGateway, shared: Context
) -> None:
    gateway.slow.add("ets")
    address = visitor.forecast(visitor.bring())
    assert gateway.arrived.wait(30)

    shown = visitor.get(address).text
    assert "Cancel" in shown
    assert 'hx-trigger="every 700ms"' in shown
    assert "HX-Refresh" not in visitor.get(f"{address}/progress").headers
    assert visitor.get(f"{address}/forecast.csv").status_code == 404
    stranger = Visitor(page)
    assert "Cancel" not in stranger.get(address).text
    assert stranger.post(f"{address}/cancel").status_code == 404

    answer = visitor.post(f"{address}/cancel")
    assert (answer.status_code, answer.location) == (303, address)
    assert gateway.dropped.wait(30)
    finish(shared.background)
    assert visitor.get(f"{address}/progress").headers["HX-Refresh"] == "true"
    assert "The forecast was cancelled" in visitor.get(address).text


def test_a_run_of_which_nothing_came_says_why(
    visitor: Visitor, gateway: FakeGateway, shared: Context
) -> None:
    gateway.refusals[INFERENCE] = [refuse(422, "REQUEST_INVALID", "The context has <2 steps.")]

    address = done(visitor, shared)

    shown = visitor.get(address)
    assert shown.status_code == 200
    assert "There is no forecast" in shown.text
    assert "The context has &lt;2 steps." in shown.text
    for part in ("chart", "series", "forecast.csv", "forecast.json"):
        assert visitor.get(f"{address}/{part}").status_code == 404


def test_a_result_shows_who_is_best_and_what_to_take_away(visitor: Visitor, shared: Context) -> None:
    address = done(visitor, shared, models=["ets", "deep"], holdout="true", intervals=["50", "80"])

    text = visitor.get(address).text

    assert "ETS was best. The error of ETS was 50% smaller" in text
    assert "Which model is best?" in text
    assert re.findall(r'<th scope="row">(\w+)</th>', text)[-3:] == ["ETS", "DEEP", "SeasonalNaive"]
    assert "<td" in text
    assert "18.00" in text
    assert f'href="{address}/forecast.csv?kind=forecast"' in text
    assert "Not all models answered" not in text
    assert "$API_SECRET_KEY" in text
    assert "the-key" not in text
    assert visitor.get(f"{address}?kind=holdout").text.count('class="ranked"') == 1


def test_a_request_says_how_long_its_table_is_kept(visitor: Visitor, shared: Context) -> None:
    assert "kept for 24 hours from the forecast on" in visitor.get(done(visitor, shared)).text


def test_a_result_names_models_as_their_cards_do_and_the_methods_they_used(
    visitor: Visitor, shared: Context, gateway: FakeGateway
) -> None:
    gateway.methods["ets"] = "AutoTheta"

    text = visitor.get(done(visitor, shared, models=["ets", "deep"], holdout="true")).text

    assert "The request to ETS" in text
    assert "<strong>ETS</strong> (AutoTheta) The error of ETS was" in text
    assert "<strong>DEEP</strong> The error of DEEP" in text
    assert "Methods: ETS used AutoTheta." in text


def test_models_are_named_by_their_ids_where_the_gateway_does_not_tell_their_names(
    visitor: Visitor, shared: Context, gateway: FakeGateway
) -> None:
    table = visitor.bring()
    gateway.refusals["GET /models"] = [refuse(429, "RATE_LIMITED", "Later.", 9)]
    address = visitor.forecast(table)
    finish(shared.background)

    assert "The request to ets" in visitor.get(address).text


def test_the_models_that_failed_are_told_beside_the_result(
    visitor: Visitor, gateway: FakeGateway, shared: Context
) -> None:
    gateway.refusals["POST /forecast/v1/deep/inference"] = [refuse(500, "MODEL_FAILED", "It failed.")]
    gateway.holdout_problems = [make_problem("too_short", message="Too short.")]

    text = visitor.get(done(visitor, shared, models=["ets", "deep"], holdout="true")).text

    assert "Not all models answered" in text
    assert "<strong>DEEP</strong>: It failed." in text
    assert "<strong>ETS</strong> on the test: Too short." in text
    assert "kind=holdout" not in text


def test_the_address_of_a_run_shows_it_to_who_has_it(page: Flask, visitor: Visitor, shared: Context) -> None:
    address = done(visitor, shared)

    text = Visitor(page).get(address).text

    assert "Take it away" in text
    assert "Back to the data" not in text
    assert "Back to the data" in visitor.get(address).text
    assert Visitor(page).get("/runs/" + "0" * 32).status_code == 404


def test_the_chart_has_every_model_and_the_baseline(visitor: Visitor, shared: Context) -> None:
    address = done(visitor, shared, models=["ets", "deep"], holdout="true")

    figure = visitor.get(f"{address}/chart").json
    assert figure is not None
    names = [trace["name"] for trace in figure["data"] if "band" not in trace["meta"]]
    assert names == ["History", "ETS", "DEEP", "SeasonalNaive"]
    held = visitor.get(f"{address}/chart?kind=holdout").json
    assert held is not None
    assert [trace["y"] for trace in held["data"] if trace["name"] == "Actual"] == [list(VALUES[9:])]


def test_many_series_are_searched_and_paged(visitor: Visitor, shared: Context, many: list[str]) -> None:
    address = done(visitor, shared)

    def listed(query: str) -> list[str]:
        text = visitor.get(f"{address}?{query}").text
        return re.findall(r"<li><a [^>]*>([^<]+)</a></li>", text)

    assert listed("") == many[:20]
    assert listed("page=2") == many[20:40]
    assert listed("page=99") == listed("page=3")
    assert len(listed("page=3")) == 5
    assert listed("q=SHOP+1") == [name for name in many if name.startswith("shop 1")]
    assert listed("q=nothing") == []
    part = visitor.get(f"{address}/series?q=shop+03&series=shop+03").text
    assert "<h2>shop 03: Forecast</h2>" in part
    assert "<html" not in part
    assert visitor.get(f"{address}?series=nobody").status_code == 404
    assert "&lt;b&gt;" in visitor.get(f"{address}?page=3").text
    assert "<b>" not in visitor.get(f"{address}?page=3").text


def test_the_files_have_all_models_series_and_steps(
    visitor: Visitor, shared: Context, many: list[str]
) -> None:
    address = done(visitor, shared, models=["ets", "deep"], intervals=["80"])

    answer = visitor.get(f"{address}/forecast.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="airline-passengers-forecast.csv"'
    assert len(rows) == 45 * 3 * 3
    assert rows[0] == {
        "unique_id": "shop 00",
        "model": "ETS",
        "date": "2025-01-01",
        "forecast": "18.0",
        "actual": "",
        "q0.1": "14.0",
        "q0.5": "18.0",
        "q0.9": "22.0",
    }
    assert {row["unique_id"] for row in rows} == {*many[:-1], f"'{HOSTILE}"}

    found = visitor.get(f"{address}/forecast.json")
    assert found.mimetype == "application/json"
    assert list(found.json) == ["ets", "deep", "SeasonalNaive"]  # type: ignore[arg-type]
    assert found.json["ets"]["prediction"]["series_ids"] == many  # type: ignore[index]


def test_the_files_of_the_test_have_what_happened(visitor: Visitor, shared: Context) -> None:
    address = done(visitor, shared, holdout="true", intervals=["80"])
    shown = visitor.get(f"{address}?kind=holdout").text
    assert f'href="{address}/forecast.csv?kind=holdout"' in shown

    table = visitor.get(f"{address}/forecast.csv?kind=holdout")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert table.headers["Content-Disposition"] == 'attachment; filename="airline-passengers-test.csv"'
    assert [(row["model"], row["date"], float(row["actual"])) for row in rows] == [
        (model, day, value)
        for model in ("ETS", "SeasonalNaive")
        for day, value in zip(MONTHS[9:], VALUES[9:], strict=True)
    ]

    found = visitor.get(f"{address}/forecast.json?kind=holdout")
    assert found.headers["Content-Disposition"] == 'attachment; filename="airline-passengers-test.json"'
    assert found.json is not None
    assert list(found.json) == ["ets", "SeasonalNaive"]
    for answer in found.json.values():
        assert answer["visualization_data"]["actual_future"] == list(VALUES[9:])
        assert answer["prediction"]["quantile_levels"] == [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"api_base_url": "http://forecast:8000/"}, "http://forecast:8000"),
        ({"api_public_url": "https://api.example/"}, "https://api.example"),
    ],
)
def test_copied_requests_name_the_gateway_as_visitors_reach_it(
    make_page: MakePage, settings: dict[str, str], address: str
) -> None:
    app = make_page(**settings)
    visitor = Visitor(app)

    shown = visitor.get(done(visitor, app.extensions[KEY]))

    assert f"{address}/forecast/v1/ets/inference" in shown.text
