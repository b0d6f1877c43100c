from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.forecasts import Forecast, Value
from ui.scores import Score, average, judge_bands, rank, score, seasonal_error, verdict


def make(point: list[float], quantiles: dict[float, list[float]], history: list[Value]) -> Forecast:
    days = [str(step) for step in range(len(point))]
    return Forecast("ets", "a", None, [], history, days, point, quantiles, [None] * len(point))


def scored(mase: float | None, mae: float | None = None) -> Score:
    return Score(4, mae=mase if mae is None else mae, mase=mase)


def test_errors_are_those_of_the_steps_whose_actual_value_is_known() -> None:
    forecast = make([10.0, 10.0, 99.0], {0.1: [8.0] * 3, 0.9: [11.0] * 3}, [1.0, 3.0, 2.0])

    found = score(forecast, [11.0, 13.0, None], season=1)

    assert (found.steps, found.mae, found.rmse) == (2, 2.0, sqrt(5.0))
    assert found.smape == pytest.approx(100 * (1 / 21 + 3 / 23))
    assert found.mase == 2.0 / 1.5
    assert found.coverage == {0.8: 0.5}


def test_a_bound_itself_lies_inside() -> None:
    forecast = make([10.0, 10.0], {0.1: [8.0, 8.0], 0.9: [11.0, 11.0]}, [1.0, 2.0])

    assert score(forecast, [8.0, 11.0], season=1).coverage == {0.8: 1.0}


def test_without_actual_values_there_is_no_score() -> None:
    assert score(make([1.0], {}, [1.0]), [None], season=1) == Score(0)
    assert average([Score(0), Score(0)]).steps == 0
    assert rank({"ets": Score(0)}) == []


def test_the_symmetric_error_of_two_zeros_is_none() -> None:
    assert score(make([0.0, 0.0], {}, [1.0, 2.0]), [0.0, 1.0], season=1).smape == 100.0


def test_the_error_inside_the_context_is_that_of_a_season_ago_where_both_are_known() -> None:
    assert seasonal_error([1.0, 2.0, 4.0, None, 5.0, 5.0], 3) == (3.0 + 1.0) / 2
    assert seasonal_error([1.0, 2.0, 4.0], 7) == 1.5
    assert seasonal_error([2.0, 2.0], 1) is None
    assert seasonal_error([2.0], 1) is None


def test_a_constant_context_leaves_the_scaled_error_open() -> None:
    found = score(make([1.0], {}, [2.0, 2.0]), [2.0], season=1)

    assert (found.mae, found.mase) == (1.0, None)


def test_each_series_counts_the_same_in_an_average() -> None:
    found = average(
        [
            Score(1, 1.0, 2.0, 10.0, None, {0.8: 1.0, 0.5: 0.0}),
            Score(9, 3.0, 4.0, 30.0, 0.5, {0.8: 0.5, 0.5: 0.5}),
            Score(0),
        ]
    )

    assert found == Score(10, 2.0, 3.0, 20.0, 0.5, {0.8: 0.75, 0.5: 0.25})
    assert list(found.coverage or {}) == [0.8, 0.5]


def test_the_smallest_error_comes_first_and_who_has_none_is_left_out() -> None:
    assert rank({"a": scored(2.0), "b": scored(0.5), "c": Score(0)}) == ["b", "a"]


def test_models_are_ranked_by_the_plain_error_where_one_has_no_scaled_one() -> None:
    assert rank({"a": scored(0.1, mae=9.0), "b": scored(None, mae=3.0)}) == ["b", "a"]


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.floats(0, 1e6), max_size=6))
def test_a_ranking_never_has_a_larger_error_before_a_smaller_one(errors: dict[str, float]) -> None:
    found = rank({name: scored(error) for name, error in errors.items()})

    assert sorted(found) == sorted(errors)
    assert [errors[name] for name in found] == sorted(errors.values())


@pytest.mark.parametrize(
    ("own", "other", "sentence"),
    [
        (
            0.5,
            1.0,
            "The error of ets was 50% smaller than that of repeating the last season. It is worth using.",
        ),
        (
            1.5,
            1.0,
            "The error of ets was 50% larger than that of repeating the last season."
            " Repeating the last season is the better choice.",
        ),
        (0.99, 1.0, "ets was about as good as repeating the last season: the errors differ by less than 2%."),
        (1.0, 0.0, "Repeating the last season was exact; ets was not."),
        (0.0, 0.0, "Repeating the last season was exact; so was ets."),
    ],
)
def test_a_verdict_is_a_sentence(own: float, other: float, sentence: str) -> None:
    assert verdict("ets", scored(own), scored(other), 12) == sentence


def test_without_a_season_the_guess_is_the_last_value() -> None:
    errors = ((0.5, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, 0.0))
    told = [verdict("ets", scored(own), scored(other), 1) for own, other in errors]

    assert all("epeating the last value" in one and "season" not in one for one in told)


def test_a_verdict_tells_where_the_plain_error_says_otherwise() -> None:
    told = verdict("ets", Score(4, mae=5.4, mase=0.9), Score(4, mae=5.1, mase=1.0), 7)

    assert "10% smaller" in told
    assert told.endswith("By MAE, in which large series count more, it is the other way round.")


def test_a_verdict_needs_actual_values() -> None:
    assert verdict("ets", Score(0), Score(0), 12) == "There are no actual values to judge by."


@given(own=st.floats(1e-6, 1e6), other=st.floats(1e-6, 1e6))
def test_a_model_is_worth_using_only_where_its_error_is_smaller(own: float, other: float) -> None:
    told = verdict("ets", scored(own), scored(other), 12)

    assert ("It is worth using." in told) == (1 - own / other >= 0.02)
    assert ("is the better choice" in told) == (own / other - 1 >= 0.02)


@pytest.mark.parametrize(
    ("held", "steps", "sentence"),
    [
        (0.8, 100, "The 80% band held 80% of the 100 actual values, as it should."),
        (
            0.5,
            100,
            "The 80% band held 50% of the 100 actual values: it is too narrow,"
            " so trust it less than it says.",
        ),
        (
            0.7,
            2000,
            "The 80% band held 70% of the 2000 actual values: it is too narrow,"
            " so trust it less than it says.",
        ),
        (0.8, 2000, "The 80% band held 80% of the 2000 actual values, as it should."),
        (1.0, 100, "The 80% band held 100% of the 100 actual values: it is wider than it had to be."),
        (0.75, 100, "The 80% band held 75% of the 100 actual values, as it should."),
        (0.5, 4, "The 80% band held 50% of the 4 actual values; of so few, that may be chance."),
        (0.0, 1, "The 80% band held 0% of the one actual value; of so few, that may be chance."),
    ],
)
def test_bands_are_judged_by_the_widest_as_far_as_so_few_values_allow(
    held: float, steps: int, sentence: str
) -> None:
    assert judge_bands(Score(steps, coverage={0.5: 0.0, 0.8: held})) == sentence


@pytest.mark.parametrize(("share", "steps"), [(0.95, 1), (0.98, 5), (0.9, 2)])
def test_one_value_outside_a_wide_band_proves_nothing(share: float, steps: int) -> None:
    told = judge_bands(Score(steps, coverage={share: 1 - 1 / steps})) or ""

    assert "too narrow" not in told


def test_bands_of_a_forecast_that_was_exact_are_not_called_wide() -> None:
    assert judge_bands(Score(100, mae=0.0, coverage={0.8: 1.0})) is None


def test_without_bands_there_is_nothing_to_judge() -> None:
    assert judge_bands(Score(4)) is None
    assert judge_bands(Score(4, coverage={})) is None
