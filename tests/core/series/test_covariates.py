import pytest

from forecast.core.errors import DataError, RequestError
from tests.core.series.test_panel import DAYS, PAST_ONLY, panel


def test_a_known_future_is_read_from_the_rows_after_the_cutoff() -> None:
    made = panel(
        {"date": DAYS, "y": [*range(7), None, None, None], "promo": [*"0010010101"]},
        {"y": "target", "promo": "dynamic_categorical"},
    )
    (covariate,) = made.series[0].covariates
    assert covariate.past.tolist() == list("0010010")
    assert covariate.future is not None
    assert covariate.future.tolist() == ["1", "0", "1"]
    assert made.warnings == ()


def test_the_future_of_a_covariate_is_never_read_from_the_context() -> None:
    made = panel(
        {"date": DAYS, "y": list(range(10)), "x": list(range(10))},
        {"y": "target", "x": "dynamic_numerical"},
        context_end_date="2024-01-07",
    )
    (covariate,) = made.series[0].covariates
    assert covariate.past.tolist() == list(range(7))
    assert covariate.future is not None
    assert covariate.future.tolist() == [7, 8, 9]


def test_an_unknown_future_is_carried_forward_and_said() -> None:
    data = {"date": DAYS, "y": list(range(10)), "x": list(range(10))}
    made = panel(data, {"y": "target", "x": "dynamic_numerical"})
    future = made.series[0].covariates[0].future
    assert future is not None
    assert future.tolist() == [9, 9, 9]
    assert made.warnings == (
        "The future of covariate 'x' is unknown for 3 of 3 steps; its last known value was carried forward.",
    )


def test_an_unknown_future_is_refused_when_strict() -> None:
    data = {"date": DAYS, "y": list(range(10)), "x": list(range(10))}
    with pytest.raises(RequestError, match="'x' is unknown for 3 of 3 steps"):
        panel(data, {"y": "target", "x": "dynamic_numerical"}, covariates_mode="strict")


def test_an_unknown_future_stays_unknown_for_a_model_that_takes_it() -> None:
    data = {"date": DAYS, "y": list(range(10)), "x": list(range(10))}
    made = panel(data, {"y": "target", "x": "dynamic_numerical"}, limits=PAST_ONLY)
    assert made.series[0].covariates[0].future is None
    assert made.warnings == ()


def test_a_future_known_in_part_is_completed_and_said() -> None:
    data = {"date": DAYS, "y": [*range(8), None, None], "x": list(range(10))}
    made = panel(data, {"y": "target", "x": "dynamic_numerical"}, limits=PAST_ONLY)
    future = made.series[0].covariates[0].future
    assert future is not None
    assert future.tolist() == [8, 9, 9]
    assert "1 of 3 steps" in made.warnings[0]


def test_a_static_covariate_is_constant() -> None:
    made = panel(
        {"date": DAYS, "y": list(range(10)), "size": [5] * 9 + [None]},
        {"y": "target", "size": "static_numerical"},
    )
    (covariate,) = made.series[0].covariates
    assert covariate.static
    assert covariate.past.tolist() == [5.0] * 10
    assert covariate.future is not None
    assert covariate.future.tolist() == [5.0] * 3


def test_a_static_covariate_that_varies_is_an_error() -> None:
    with pytest.raises(
        DataError, match="Static covariate 'size', row 2: series 'series_0' has both '5.0' and '6.0'"
    ):
        panel(
            {"date": DAYS, "y": list(range(10)), "size": [5, 6] + [5] * 8},
            {"y": "target", "size": "static_numerical"},
            context_len=3,
        )


def test_covariates_can_be_left_out() -> None:
    made = panel(
        {"date": DAYS, "y": list(range(10)), "x": ["text"] * 10},
        {"y": "target", "x": "dynamic_numerical"},
        use_covariates=False,
    )
    assert made.series[0].covariates == ()


def test_none_is_a_category_and_a_blank_is_not() -> None:
    data = {"date": DAYS, "y": list(range(10)), "promo": ["none", "sale"] * 5}
    covariate = panel(data, {"y": "target", "promo": "dynamic_categorical"}).series[0].covariates[0]
    assert covariate.past.tolist() == ["none", "sale"] * 5
    with pytest.raises(DataError, match="Column 'promo'"):
        panel(data | {"promo": ["none", ""] * 5}, {"y": "target", "promo": "dynamic_categorical"})


@pytest.mark.parametrize(
    ("missing", "past", "warnings"),
    [
        ("ffill", [1.0, 2.0, 2.0, 4.0, 5.0], ()),
        ("interpolate", [1.0, 2.0, 3.0, 4.0, 5.0], ()),
        (
            "zero",
            [1.0, 2.0, 0.0, 4.0, 5.0],
            ("Gaps of covariate 'x' are zero too; fill them where that is not meant.",),
        ),
    ],
)
def test_gaps_of_a_covariate_are_filled_as_asked_and_zeros_are_told(
    missing: str, past: list[float], warnings: tuple[str, ...]
) -> None:
    data = {"date": DAYS[:8], "y": [*range(5), None, None, None], "x": [1, 2, None, 4, 5, 6, 7, 8]}
    made = panel(data, {"y": "target", "x": "dynamic_numerical"}, missing=missing)
    assert made.series[0].covariates[0].past.tolist() == past
    assert made.warnings == warnings
