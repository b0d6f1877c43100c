import numpy as np
import pytest

from tests.core.regressed import (
    MODES,
    Ask,
    Bounded,
    Carrying,
    make_table,
    promoted,
    quantiles,
)


@pytest.mark.parametrize("mode", MODES)
def test_what_a_model_never_forecasts_below_holds_with_covariates_too(ask: Ask, mode: str) -> None:
    series = promoted((60, 60))
    for one, level in zip(series, (100.0, 150.0), strict=True):
        one["target"] = [value - level for value in one["target"]]
    series[0]["target"] = [*(max(0.0, value) for value in series[0]["target"][:-1]), 0.0]
    table, roles = make_table(series)
    free, bounded = (
        quantiles(ask(table, roles, adapter, horizon_len=4, xreg_mode=mode))
        for adapter in (Carrying(), Bounded())
    )
    assert free[0].min() < 0
    assert np.array_equal(bounded[0], np.maximum(free[0], 0.0))
    assert np.array_equal(bounded[1], free[1])


def test_a_category_ahead_that_no_context_has_is_told(ask: Ask) -> None:
    series = promoted((50, 60))
    for one in series:
        one["covariates"]["kind"] = {
            "kind": "categorical",
            "values": ["a", "b"] * (len(one["target"]) // 2) + ["a", "new", "b", "newer"],
        }
    found = ask(*make_table(series), horizon_len=4)
    assert found["warnings"] == [
        "Covariate 'kind' takes values unknown so far, which count as its mean: new, newer."
    ]


def test_a_covariate_that_never_changed_has_no_effect_and_that_is_told(ask: Ask) -> None:
    series = promoted((50, 60))
    table, roles = make_table(series)
    plain = ask(table, {"y": "target", "shop": "id"}, horizon_len=4)
    table["promo"] = [0 if value is not None else 1 for value in table["y"]]
    found = ask(table, roles, horizon_len=4)
    assert np.array_equal(quantiles(found), quantiles(plain))
    assert found["prediction"]["method"] == "basic"
    (warning,) = found["warnings"]
    assert warning.startswith("Covariates that never change in any context of the request (promo)")
