from typing import Any

import numpy as np
import pytest

from forecast.core.errors import DataError
from tests.core.series.test_panel import DAYS, GAPS, panel

BEFORE = {"date": DAYS[:4], "y": [1, None, 3, 4]}


@pytest.mark.parametrize(
    ("missing", "expected"), [("ffill", [1, 3, 4]), ("interpolate", [2, 3, 4]), ("zero", [0, 3, 4])]
)
def test_a_gap_at_the_edge_of_the_context_is_filled_from_what_lies_before_it(
    missing: str, expected: list[float]
) -> None:
    series = panel(BEFORE, context_len=3, missing=missing).series[0]
    assert series.target.tolist() == expected
    assert [stamp.day for stamp in series.index] == [2, 3, 4]


@pytest.mark.parametrize(
    ("missing", "expected"), [("ffill", [1, 3, 4]), ("interpolate", [2, 3, 4]), ("model", [2, 3, 4])]
)
def test_a_covariates_gap_at_the_edge_of_the_context_is_filled_from_what_lies_before_it(
    missing: str, expected: list[float]
) -> None:
    data = {"date": DAYS[:4], "y": [1, 2, 3, 4], "x": [1, None, 3, 4]}
    made = panel(data, {"y": "target", "x": "dynamic_numerical"}, 3, 3, GAPS, missing=missing)
    (covariate,) = made.series[0].covariates
    assert covariate.past.tolist() == expected
    assert covariate.future is not None
    assert covariate.future.tolist() == [4, 4, 4]


def test_a_categorys_gap_at_the_edge_of_the_context_is_filled_from_what_lies_before_it() -> None:
    data = {"date": DAYS[:4], "y": [1, 2, 3, 4], "x": ["a", None, "b", "b"]}
    made = panel(data, {"y": "target", "x": "dynamic_categorical"}, context_len=3, missing="ffill")
    assert made.series[0].covariates[0].past.tolist() == ["a", "b", "b"]


def test_a_gap_left_to_the_model_at_the_edge_of_the_context_stays() -> None:
    made = panel(BEFORE, context_len=3, limits=GAPS, missing="model")
    np.testing.assert_array_equal(made.series[0].target, [np.nan, 3, 4])


@pytest.mark.parametrize("column", ["y", "x"])
def test_a_gap_at_the_edge_of_the_context_is_an_error_and_one_before_it_is_not(column: str) -> None:
    data: dict[str, Any] = {"date": DAYS[:4], "y": [1, 2, 3, 4], "x": [1, 2, 3, 4]}
    data[column] = [1, None, 3, 4]
    roles = {"y": "target", "x": "dynamic_numerical"}
    assert panel(data, roles, context_len=2).series[0].covariates[0].past.tolist() == [3, 4]
    with pytest.raises(DataError, match=f"Column '{column}'.*row 2: no value at 2024-01-02"):
        panel(data, roles, context_len=3)


def test_a_static_covariate_has_the_length_of_the_context() -> None:
    data = {"date": DAYS, "y": list(range(10)), "size": [5] * 10}
    (covariate,) = (
        panel(data, {"y": "target", "size": "static_numerical"}, context_len=4).series[0].covariates
    )
    assert covariate.future is not None
    assert (len(covariate.past), len(covariate.future)) == (4, 3)
