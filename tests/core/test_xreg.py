"""The golden numbers come from upstream itself: see golden/make_xreg.py for how they were made."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast.core.errors import DataError, ModelError, NotSupportedError
from forecast.core.parameters import Parameters
from tests.core.regressed import (
    PATCH,
    Ask,
    Native,
    Silent,
    make_table,
    promoted,
    quantiles,
)
from tests.fakes import FakeAdapter

GOLDEN = json.loads((Path(__file__).parent / "golden" / "xreg_modes.json").read_text())
FITS = [
    pytest.param(
        case["series"], fit, id=f"{case['name']}, {fit['mode']}, ridge {fit['ridge']}, {fit['scope']}"
    )
    for case in GOLDEN
    for fit in case["fits"]
]


@pytest.mark.parametrize(("series", "fit"), FITS)
def test_both_modes_equal_upstream(ask: Ask, series: list[dict[str, Any]], fit: dict[str, Any]) -> None:
    table, roles = make_table(series)
    answer = ask(
        table,
        roles,
        horizon_len=5,
        xreg_mode=fit["mode"],
        xreg_scope=fit["scope"],
        xreg_ridge=fit["ridge"],
    )
    assert answer["prediction"]["method"] == "covariates_enhanced"
    for found, expected, mean, one in zip(
        quantiles(answer), fit["quantiles"], fit["means"], series, strict=True
    ):
        size = np.abs(one["target"]).max()
        assert found == pytest.approx(np.array(expected), abs=2e-5 * size)
        assert found[:, 0] == pytest.approx(mean, abs=2e-5 * size)


@pytest.mark.parametrize("mode", ["xreg + timesfm", "timesfm + xreg"])
def test_a_forecast_depends_on_the_series_beside_it_only_where_they_are_pooled(ask: Ask, mode: str) -> None:
    first, second = promoted((50, 70))
    shared: dict[str, Any] = {"horizon_len": 4, "xreg_mode": mode}
    alone = quantiles(ask(*make_table([first]), **shared))[0]
    assert np.array_equal(quantiles(ask(*make_table([first, second]), **shared))[0], alone)
    pooled = quantiles(ask(*make_table([first, second]), **shared, xreg_scope="pooled"))[0]
    assert np.abs(pooled - alone).max() > 0.01
    assert np.array_equal(quantiles(ask(*make_table([first]), **shared, xreg_scope="pooled"))[0], alone)


@pytest.mark.parametrize("mode", ["xreg + timesfm", "timesfm + xreg"])
def test_a_promotion_ahead_lifts_mean_and_quantiles_by_what_it_was_worth(ask: Ask, mode: str) -> None:
    (series,) = promoted((400,))
    found = []
    for promotion in (0.0, 1.0):
        series["covariates"]["promo"]["values"][-4:] = [0.0, 0.0, promotion, 0.0]
        found.append(quantiles(ask(*make_table([series]), horizon_len=4, xreg_mode=mode))[0])
    plain, lifted = found
    assert lifted[2] - plain[2] == pytest.approx(np.full(10, 30), abs=6)
    assert np.array_equal(lifted[[0, 1, 3]], plain[[0, 1, 3]])


def test_ridge_draws_the_effect_towards_nothing(ask: Ask) -> None:
    (series,) = promoted()
    series["covariates"]["promo"]["values"][-4:] = [0.0, 1.0, 0.0, 1.0]
    lifts = []
    for ridge in (None, 0, 60, 1e9):
        mean = quantiles(ask(*make_table([series]), horizon_len=4, xreg_ridge=ridge))[0][:, 0]
        lifts.append(mean[1] - mean[0])
    assert lifts[0] == lifts[1] == pytest.approx(30, abs=2)
    assert lifts[2] == pytest.approx(15, abs=2)
    # What is left is the model's own rise, a tenth of the series' standard deviation a step.
    assert lifts[3] == pytest.approx(0.1 * np.std(series["target"]), rel=1e-5)


def add_static(series: list[dict[str, Any]], values: Sequence[float]) -> list[dict[str, Any]]:
    for one, value in zip(series, values, strict=True):
        one["covariates"]["size"] = {"kind": "static_numerical", "values": value}
    return series


def test_a_static_covariate_has_an_effect_only_where_series_are_pooled(ask: Ask) -> None:
    found = {}
    for scope in ("series", "pooled"):
        for sizes in ((1.0, 2.0, 9.0), (1.0, 8.0, 2.0)):
            series = add_static(promoted((50, 60, 70)), sizes)
            found[scope, sizes[1]] = ask(*make_table(series), horizon_len=4, xreg_scope=scope)
    assert np.array_equal(quantiles(found["series", 2.0])[0], quantiles(found["series", 8.0])[0])
    assert np.abs(quantiles(found["pooled", 2.0])[0] - quantiles(found["pooled", 8.0])[0]).max() > 1e-6
    (warning,) = found["series", 2.0]["warnings"]
    assert "Static covariates (size)" in warning
    assert "'xreg_scope': 'pooled'" in warning
    assert found["pooled", 2.0]["warnings"] == []


def test_nothing_but_static_covariates_is_the_forecast_without_covariates(ask: Ask) -> None:
    series = add_static(promoted((50, 60)), (1.0, 2.0))
    table, roles = make_table(series)
    plain = ask(table, {"y": "target", "shop": "id"}, horizon_len=4)
    del roles["promo"]
    found = ask(table, roles, horizon_len=4)
    assert np.array_equal(quantiles(found), quantiles(plain))
    assert (found["prediction"]["method"], len(found["warnings"])) == ("basic", 1)


def test_pooled_static_covariates_without_dynamic_ones_are_told_to_have_no_effect(ask: Ask) -> None:
    series = add_static(promoted((50, 60)), (1.0, 2.0))
    table, roles = make_table(series)
    plain = ask(table, {"y": "target", "shop": "id"}, horizon_len=4)
    del roles["promo"]
    found = ask(table, roles, horizon_len=4, xreg_scope="pooled")
    assert np.array_equal(quantiles(found), quantiles(plain))
    assert found["prediction"]["method"] == "basic"
    (warning,) = found["warnings"]
    assert "Static covariates (size) have no effect without dynamic ones" in warning


def test_where_covariates_are_absent_the_regressions_parameters_are_told_to_be_idle(ask: Ask) -> None:
    table, roles = make_table(promoted())
    for left_out in ({"y": "target"}, roles):
        answer = ask(table, left_out, horizon_len=4, use_covariates=False, xreg_mode="timesfm + xreg")
        assert answer["warnings"] == ["Without covariates xreg_mode has no effect."]
        assert answer["prediction"]["metadata"]["covariates_used"] is False


@pytest.mark.parametrize(
    "given", [{"xreg_mode": "xreg + timesfm"}, {"xreg_scope": "series"}, {"xreg_ridge": 1.0}]
)
def test_a_model_that_uses_covariates_itself_refuses_to_be_regressed(ask: Ask, given: dict[str, Any]) -> None:
    with pytest.raises(NotSupportedError, match=f"uses covariates itself.*{next(iter(given))}") as refused:
        ask(*make_table(promoted()), Native(), horizon_len=4, **given)
    assert (refused.value.status, refused.value.details) == (422, {"parameters": list(given)})
    ask(*make_table(promoted()), Native(), horizon_len=4, xreg_ridge=None)


def test_a_model_without_backcast_refuses_to_come_first_and_names_those_that_can(ask: Ask) -> None:
    import forecast.models.timesfm20.services.model  # noqa: F401  (a process knows the models it serves)

    with pytest.raises(
        NotSupportedError, match=r"'timesfm \+ xreg' starts from; these models can:.*timesfm20"
    ):
        ask(*make_table(promoted()), FakeAdapter(), horizon_len=4, xreg_mode="timesfm + xreg")


def test_a_context_that_the_model_could_not_backcast_goes_without_its_covariates(ask: Ask) -> None:
    short, long = promoted((PATCH, 60))
    found = ask(*make_table([short, long]), horizon_len=4, xreg_mode="timesfm + xreg")
    plain = ask(*make_table([short, long]), horizon_len=4, use_covariates=False)
    assert np.array_equal(quantiles(found)[0], quantiles(plain)[0])
    assert np.abs(quantiles(found)[1] - quantiles(plain)[1]).max() > 1
    only = ask(*make_table([short]), horizon_len=4, xreg_mode="timesfm + xreg", xreg_scope="pooled")
    assert only["prediction"]["method"] == "basic"
    # A series is told the same whatever others are forecast with it.
    told = (
        "A series is too short for xreg_mode 'timesfm + xreg': the model could forecast nothing of its"
        " context. Its covariates were left out."
    )
    assert found["warnings"] == only["warnings"] == [told]


@pytest.mark.parametrize("mode", ["xreg + timesfm", "timesfm + xreg"])
def test_gaps_that_are_left_to_the_model_have_no_part_in_the_regression(ask: Ask, mode: str) -> None:
    (series,) = promoted((400,))
    series["covariates"]["promo"]["values"][-4:] = [0.0, 1.0, 0.0, 1.0]
    series["target"][40:44] = [None] * 4
    mean = quantiles(ask(*make_table([series]), horizon_len=4, xreg_mode=mode, missing="model"))[0][:, 0]
    assert mean[1] - mean[0] == pytest.approx(30, abs=6)


def test_a_model_that_keeps_its_backcast_to_itself_has_failed(ask: Ask) -> None:
    with pytest.raises(ModelError, match="did not tell what it would have forecast for the context"):
        ask(*make_table(promoted()), Silent(), horizon_len=4, xreg_mode="timesfm + xreg")


def test_more_regressions_than_can_be_solved_are_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forecast.core.regression.MOST_REGRESSIONS", 1e-8)
    series = promoted((40, 40, 40))
    # Two columns each, eight units of work, and ten are allowed.
    with pytest.raises(DataError, match="one regression each of 3 series; pass 'xreg_scope': 'pooled'"):
        ask(*make_table(series), horizon_len=4)
    ask(*make_table(series), horizon_len=4, xreg_scope="pooled")
    ask(*make_table(series[:1]), horizon_len=4)


@pytest.mark.parametrize("ridge", [-0.1, 1e10, float("nan")])
def test_a_penalty_out_of_range_is_refused(ridge: float) -> None:
    with pytest.raises(ValueError, match="xreg_ridge"):
        Parameters(xreg_ridge=ridge)
