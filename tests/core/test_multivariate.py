import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import Capabilities, Forecast, Task
from forecast.core.answer import write_json
from forecast.core.config import Settings
from forecast.core.errors import DataError, ModelError, NotSupportedError, RequestError
from forecast.core.inference import Call, Patience, infer
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.principal import DEFAULT_CLIENT
from forecast.core.responses import InferenceResponse
from forecast.core.schemas import InitializationRequest
from tests.fakes import FakeAdapter, make_service

Ask = Callable[..., dict[str, Any]]
DAYS = pd.date_range("2024-01-01", periods=10).strftime("%Y-%m-%d").tolist()


class Summing(FakeAdapter):
    """Forecasts for each target its last known value and a hundredth of the sum of all targets' last ones."""

    capabilities = Capabilities(max_horizon=100, covariates="native", missing=True, multivariate=True)

    def predict(self, loaded: str, tasks: Sequence[Task]) -> list[Forecast]:
        return [self.add(task) for task in tasks]

    def add(self, task: Task) -> Forecast:
        lasts = [one.target[~np.isnan(one.target)][-1] for one in task.targets]
        means = [np.full(task.horizon, last + sum(lasts) / 100) for last in lasts]
        first, *others = [Forecast(mean, np.tile(mean, (9, 1)).T, task.levels) for mean in means]
        return replace(first, companions=tuple(others))


class Regressed(Summing):
    capabilities = replace(Summing.capabilities, covariates="regression")


class Forgetful(Summing):
    def add(self, task: Task) -> Forecast:
        return replace(super().add(task), companions=())


class Broken(Summing):
    def add(self, task: Task) -> Forecast:
        whole = super().add(task)
        return replace(whole, companions=tuple(replace(one, mean=one.mean[:1]) for one in whole.companions))


@pytest.fixture
def ask(make_settings: Callable[..., Settings]) -> Ask:
    """Forecast three steps of every column named as a target."""

    def answer(
        table: dict[str, Any], roles: dict[str, str], adapter: FakeAdapter | None = None, **parameters: Any
    ) -> dict[str, Any]:
        parameters = {"multivariate": True, "horizon_len": 3, **parameters}
        body = {"data": table, "data_definition": roles, "parameters": parameters}
        service = make_service(adapter or Summing())
        service.initialize(InitializationRequest())
        request = InferenceRequest[Parameters].model_validate(body)
        patience = Patience(time.monotonic(), 60, asyncio.Event().wait)  # type: ignore[arg-type]  # waits too
        try:
            text = asyncio.run(
                infer(service, request, make_settings(), Call(DEFAULT_CLIENT, patience), write_json)
            )
        finally:
            service.shutdown()
        answered: dict[str, Any] = json.loads(text)
        InferenceResponse.model_validate(answered, strict=True)
        return answered

    return answer


TWO = {"a": "target", "b": "target"}
TABLE: dict[str, Any] = {"date": DAYS, "a": list(range(10)), "b": list(range(100, 110))}


def test_each_target_of_each_series_is_one_element_of_the_answer(ask: Ask) -> None:
    table = {
        "date": DAYS * 2,
        "shop": ["x"] * 10 + ["y"] * 10,
        "a": list(range(20)),
        "b": list(range(100, 120)),
    }
    answer = ask(table, {**TWO, "shop": "id"}, context_end_date="2024-01-08")
    prediction, shown = answer["prediction"], answer["visualization_data"]
    assert prediction["series_ids"] == ["x/a", "x/b", "y/a", "y/b"]
    assert [row[0] for row in prediction["point_forecast"]] == pytest.approx([8.14, 108.14, 18.34, 118.34])
    assert np.shape(prediction["quantile_forecast"]) == (4, 3, 10)
    assert prediction["metadata"]["context_lengths"] == [8] * 4
    assert prediction["metadata"]["input_series_count"] == 4
    assert len(prediction["quantile_bands"]["quantile_band_0_lower"]) == 4
    assert shown["target_name"] == ["a", "b", "a", "b"]
    assert [history[0] for history in shown["historical_data"]] == [0, 100, 10, 110]
    assert [ahead[:2] for ahead in shown["actual_future"]] == [[8, 9], [108, 109], [18, 19], [118, 119]]


def test_a_table_without_ids_names_its_targets_likewise(ask: Ask) -> None:
    answer = ask(TABLE, TWO)
    assert answer["prediction"]["series_ids"] == ["series_0/a", "series_0/b"]
    assert answer["visualization_data"]["target_name"] == ["a", "b"]


def test_one_target_is_answered_as_ever(ask: Ask) -> None:
    found = ask(TABLE, {"a": "target"})
    plain = ask(TABLE, {"a": "target"}, multivariate=False)
    del found["execution_metadata"], plain["execution_metadata"]
    assert found == plain
    assert found["prediction"]["series_ids"] == ["series_0"]
    assert found["visualization_data"]["target_name"] == "a"
    assert found["visualization_data"]["historical_data"] == list(range(10))


def test_several_targets_are_refused_unless_asked_for_together(ask: Ask) -> None:
    with pytest.raises(
        RequestError, match="several columns: a, b.*together with 'multivariate': true"
    ) as refused:
        ask(TABLE, TWO, multivariate=False)
    assert "by a model that can:" in refused.value.detail


def test_a_model_that_forecasts_one_target_at_a_time_says_so_and_names_those_that_can(ask: Ask) -> None:
    import forecast.models.chronos.services.model  # noqa: F401  (a process knows the models it serves)

    with pytest.raises(
        NotSupportedError, match="'fake' forecasts one target at a time; these models can:.*chronos"
    ):
        ask(TABLE, TWO, FakeAdapter())


def test_a_checkpoint_that_cannot_says_that_the_default_one_can(ask: Ask) -> None:
    class Small(Summing):
        def limits(self, loaded: str) -> Capabilities:
            return replace(self.capabilities, multivariate=False)

    with pytest.raises(NotSupportedError, match="This checkpoint of 'fake' .*; its default checkpoint can"):
        ask(TABLE, TWO, Small())


def test_more_targets_than_a_model_can_relate_are_refused(ask: Ask) -> None:
    names = [f"t{number}" for number in range(101)]
    table = {"date": DAYS, **{name: list(range(10)) for name in names}}
    with pytest.raises(RequestError, match="At most 100 targets.*these are 101"):
        ask(table, dict.fromkeys(names, "target"))
    assert len(ask(table, dict.fromkeys(names[:100], "target"))["prediction"]["series_ids"]) == 100


@pytest.mark.parametrize("gap", [slice(0, 2), slice(4, 5), slice(8, 10)])
def test_targets_share_their_context_and_what_one_lacks_in_it_is_a_gap(ask: Ask, gap: slice) -> None:
    table = {**TABLE, "b": list(range(100, 110))}
    table["b"][gap] = [None] * (gap.stop - gap.start)
    with pytest.raises(DataError, match=f"Column 'b' of series 'series_0', row {gap.start + 1}: no value"):
        ask(table, TWO)
    filled = ask(table, TWO, missing="ffill")["visualization_data"]
    left = ask(table, TWO, missing="model")["visualization_data"]
    assert filled["dates_future"][1] == left["dates_future"][0] == ["2024-01-11", "2024-01-12", "2024-01-13"]
    nearest = 102 if gap.start == 0 else 99 + gap.start
    assert filled["historical_data"][1][gap] == [nearest] * (gap.stop - gap.start)
    assert left["historical_data"][1][gap] == [None] * (gap.stop - gap.start)
    assert left["historical_data"][0] == list(range(10))


def test_rows_after_the_last_of_all_targets_are_the_future(ask: Ask) -> None:
    table = {**TABLE, "a": [*range(7), None, None, None], "b": [*range(7), None, None, None]}
    shown = ask(table, TWO)["visualization_data"]
    assert shown["dates_future"][0] == ["2024-01-08", "2024-01-09", "2024-01-10"]


@pytest.mark.parametrize("missing", ["interpolate", "zero", "model"])
def test_a_target_without_any_value_is_refused_by_name(ask: Ask, missing: str) -> None:
    table = {**TABLE, "b": [1.0, *[None] * 9]}
    with pytest.raises(DataError, match="'series_0' has no value of target 'b' in its context"):
        ask({**TABLE, "b": [None] * 10}, TWO, missing=missing)
    if missing == "model":
        with pytest.raises(DataError, match="no value of target 'b'"):
            ask(table, TWO, missing=missing, context_len=5)
    else:
        ask(table, TWO, missing=missing, context_len=5)


def test_a_regression_around_several_targets_finds_the_effect_on_each(ask: Ask) -> None:
    promo = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0])
    dates = pd.date_range("2024-01-01", periods=13).strftime("%Y-%m-%d").tolist()
    blank = [None] * 3
    table = {
        "date": dates,
        "a": [*(5 + 10.0 * promo[:10]), *blank],
        "b": [*(50 - 20.0 * promo[:10]), *blank],
        "promo": promo.tolist(),
    }
    found = ask(table, {**TWO, "promo": "dynamic_numerical"}, Regressed(), xreg_ridge=0)
    first, second = found["prediction"]["point_forecast"]
    assert first == pytest.approx([5, 15, 5], abs=1e-6)
    assert second == pytest.approx([50, 30, 50], abs=1e-6)


@pytest.mark.parametrize(
    ("adapter", "told"), [(Forgetful, "did not forecast each target"), (Broken, "length")]
)
def test_a_model_that_leaves_targets_out_has_failed(ask: Ask, adapter: type[Summing], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        ask(TABLE, TWO, adapter())
