from pathlib import Path
from typing import Any

import pytest

from tests.ui.conftest import finish
from tests.ui.fakes import MONTHLY, MONTHS, VALUES, Columns, FakeGateway, make_report, refuse
from ui.background import Background
from ui.choices import Choices
from ui.results import Ranked, read_layers, score_layers, summary
from ui.runs import Runs
from ui.scores import Score
from ui.steps import Run
from ui.store import Store
from ui.tables import Table


@pytest.fixture
def runs(tmp_path: Path, gateway: FakeGateway, background: Background) -> Runs:
    return Runs(Store(tmp_path, 1.0), gateway.client(), background)


def forecast(runs: Runs, background: Background, report: dict[str, Any] = MONTHLY, **choices: Any) -> Run:
    table = Table("", "me", "x", {}, report=report, columns=report["table"]["columns"])
    asked = {"models": ["ets", "deep"], "horizon": 3, "intervals": [80], "holdout": True}
    run_id = runs.start(table, Choices(**(asked | choices)))
    finish(background)
    return runs.find(run_id)


def test_the_baseline_is_always_in_the_list(runs: Runs, background: Background) -> None:
    layers = read_layers(runs, forecast(runs, background), "forecast")

    assert list(layers) == ["ets", "deep", "SeasonalNaive"]
    assert {tuple(found) for found in layers.values()} == {("series_0",)}


def test_what_the_table_knows_of_the_steps_is_laid_beside_them(runs: Runs, background: Background) -> None:
    run = forecast(runs, background)

    held = read_layers(runs, run, "holdout")["ets"]["series_0"]
    assert list(held.future) == list(MONTHS[9:])
    assert list(held.actual) == list(VALUES[9:])
    assert list(read_layers(runs, run, "forecast")["ets"]["series_0"].actual) == [None] * 3


@pytest.mark.parametrize(
    ("start", "first"),
    [(None, 0), ("2024-03-01", 2), ("2024-03", 2), ("01.03.2024", 2), ("2024-Q2", 3), ("March 2024", 6)],
)
def test_the_history_is_what_was_asked_for_however_little_a_model_looks_at(
    start: str | None, first: int, runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    gateway.looks_back = 3
    layers = read_layers(runs, forecast(runs, background, context_start=start), "holdout")

    for model in ("ets", "SeasonalNaive"):
        one = layers[model]["series_0"]
        assert (list(one.dates), list(one.history)) == (list(MONTHS[first:9]), list(VALUES[first:9]))


def test_models_are_scored_on_one_scale_where_only_the_gateway_reads_the_start(
    runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    gateway.looks = {"ets": 2, "deep": 6}
    layers = read_layers(runs, forecast(runs, background, context_start="3/14/2024"), "holdout")

    assert {len(layers[model]["series_0"].history) for model in layers} == {6}
    ets, deep, _ = score_layers(layers, season=1)
    assert ets.score.mase == deep.score.mase


def test_a_model_that_failed_has_no_layer_and_without_any_there_is_no_baseline(
    runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    gateway.refusals["POST /forecast/v1/ets/inference"] = [refuse(500, "MODEL_FAILED", "No.")] * 2
    gateway.refusals["POST /forecast/v1/deep/inference"] = [refuse(500, "MODEL_FAILED", "No.")]

    run = forecast(runs, background)

    assert read_layers(runs, run, "forecast") == {}
    assert list(read_layers(runs, run, "holdout")) == ["deep", "SeasonalNaive"]


def test_the_holdout_ranks_the_models_with_the_baseline_among_them(
    runs: Runs, background: Background
) -> None:
    card = score_layers(read_layers(runs, forecast(runs, background), "holdout"), season=2)

    # The context ends at 14, which the baseline repeats; the models say 15, and 16, 15, 17 came.
    assert [(line.model, line.score.mae) for line in card] == [
        ("ets", 1.0),
        ("deep", 1.0),
        ("SeasonalNaive", 2.0),
    ]
    assert card[0].verdict is not None
    assert "50% smaller" in card[0].verdict
    assert card[-1].verdict is None
    assert summary(card, 12) == f"ets was best. {card[0].verdict}"


def test_without_actual_values_there_is_nothing_to_rank(runs: Runs, background: Background) -> None:
    card = score_layers(read_layers(runs, forecast(runs, background), "forecast"), season=12)

    assert card == []
    assert summary(card, 12) is None
    assert score_layers({}, season=12) == []


def test_the_card_of_a_series_is_its_own_and_that_of_all_their_mean(
    runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    columns: Columns = {
        "month": [*MONTHS, *MONTHS],
        "shop": ["a"] * 12 + ["b"] * 12,
        "sales": [*VALUES, *(value + 4 for value in VALUES)],
    }
    gateway.report = make_report(columns, {"month": "timestamp", "shop": "id", "sales": "target"})
    run = forecast(runs, background, gateway.report, models=["ets"])
    layers = read_layers(runs, run, "holdout")

    one, other, both = (
        {line.model: line.score.mae for line in score_layers(layers, 1, series)}
        for series in (["a"], ["b"], None)
    )
    assert (one["ets"], other["ets"], both["ets"]) == (1.0, 5.0, 3.0)


def test_the_summary_says_so_where_no_model_is_worth_it(
    runs: Runs, gateway: FakeGateway, background: Background
) -> None:
    rising: Columns = {
        "month": list(MONTHS),
        "sales": [float(step % 3) for step in range(12)],
    }
    gateway.report = make_report(rising, {"month": "timestamp", "sales": "target"})
    run = forecast(runs, background, gateway.report)

    card = score_layers(read_layers(runs, run, "holdout"), season=1)

    assert card[0].model == "SeasonalNaive"
    told = "No model was better than repeating the last season. Use that, or try other models."
    assert summary(card, 12) == told


@pytest.mark.parametrize(("own", "other"), [(0.99, 1.0), (0.0, 0.0)])
def test_no_model_is_called_best_that_is_not_clearly_better_than_the_guess(own: float, other: float) -> None:
    card = [
        Ranked("ets", Score(3, mae=own), "It was not.", None),
        Ranked("SeasonalNaive", Score(3, mae=other), None, None),
    ]

    assert summary(card, 12) == "No model was clearly better than repeating the last season. It was not."
    assert summary(card, 1) == "No model was clearly better than repeating the last value. It was not."
