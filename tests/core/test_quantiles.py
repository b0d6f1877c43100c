import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast.core.adapter import DECILES, Capabilities, Forecast
from forecast.core.errors import RequestError
from forecast.core.parameters import Parameters
from forecast.core.quantiles import (
    asked_levels,
    band_levels,
    has_mean_column,
    interval_bounds,
    name_level,
    quantile_bands,
    quantile_columns,
    task_levels,
)

NATIVE = Capabilities(native_levels=DECILES)


def make_forecast(quantiles: list[list[float]], levels: tuple[float, ...] = DECILES) -> Forecast:
    matrix = np.asarray(quantiles, dtype=np.float64)
    return Forecast(matrix.mean(axis=1), matrix, levels)


def test_the_deciles_are_returned_as_the_model_gave_them() -> None:
    row = [1.0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert quantile_columns(make_forecast([row]), DECILES).tolist() == [row]


def test_columns_come_in_the_order_asked_for() -> None:
    row = [1.0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert quantile_columns(make_forecast([row]), [0.9, 0.1, 0.5]).tolist() == [[9, 1, 5]]


def test_a_level_between_two_is_interpolated() -> None:
    forecast = make_forecast([[10.0, 20.0, 40.0]], (0.1, 0.5, 0.9))
    assert quantile_columns(forecast, [0.3, 0.6]).tolist() == [[pytest.approx(15), pytest.approx(25)]]


def test_a_single_level_is_returned() -> None:
    assert quantile_columns(make_forecast([[7.0]], (0.3,)), [0.3]).tolist() == [[7.0]]


@given(arrays(np.float64, (5, 9), elements=st.floats(-1e6, 1e6)), st.lists(st.floats(0.1, 0.9), min_size=2))
def test_quantiles_never_cross(quantiles: np.ndarray, levels: list[float]) -> None:
    columns = quantile_columns(Forecast(quantiles[:, 4], quantiles, DECILES), sorted(levels))
    assert (np.diff(columns, axis=1) >= -1e-9 * (1 + np.abs(quantiles).max())).all()


def test_a_model_with_native_levels_is_asked_for_those() -> None:
    assert task_levels(Parameters(quantile_levels=[0.15]), NATIVE) == DECILES


def test_a_model_with_any_level_is_asked_for_the_callers_in_ascending_order() -> None:
    assert task_levels(Parameters(quantile_levels=[0.975, 0.025]), Capabilities()) == (0.025, 0.975)


def test_a_level_outside_the_models_range_is_an_error_that_says_the_range() -> None:
    with pytest.raises(RequestError, match=r"levels 0.05, 0.95 lie outside this model's range 0.1 to 0.9"):
        task_levels(Parameters(quantile_levels=[0.05, 0.5, 0.95]), NATIVE)


@pytest.mark.parametrize(
    ("parameters", "bands"),
    [
        (Parameters(), [(0.1, 0.9)]),
        (Parameters(quantile_indices=[1, 9]), [(0.1, 0.9)]),
        (Parameters(quantile_indices=[9, 1, 5]), [(0.1, 0.5), (0.5, 0.9)]),
        (Parameters(quantile_indices=[5]), []),
        (Parameters(quantile_levels=[0.975, 0.5, 0.025]), [(0.025, 0.5), (0.5, 0.975)]),
    ],
)
def test_bands_lie_between_neighbouring_levels(
    parameters: Parameters, bands: list[tuple[float, float]]
) -> None:
    assert band_levels(parameters) == bands


@pytest.mark.parametrize(("level", "name"), [(0.1, "Q10"), (0.025, "Q2.5"), (0.57, "Q57"), (0.29, "Q29")])
def test_a_level_is_named_as_people_write_it(level: float, name: str) -> None:
    assert name_level(level) == name


@pytest.mark.parametrize("horizon", [1, 8, 10, 24])
@pytest.mark.parametrize("series", [1, 3])
def test_the_band_labelled_q10_to_q90_is_exactly_those_columns(horizon: int, series: int) -> None:
    columns = [np.arange(horizon * 9.0).reshape(horizon, 9) + 1000 * number for number in range(series)]
    bands = quantile_bands(columns, asked_levels(Parameters()), band_levels(Parameters()))
    assert bands["quantile_band_0_label"] == "Q10–Q90"
    lower, upper = bands["quantile_band_0_lower"], bands["quantile_band_0_upper"]
    if series == 1:
        lower, upper = [lower], [upper]
    assert lower == [matrix[:, 0].tolist() for matrix in columns]
    assert upper == [matrix[:, 8].tolist() for matrix in columns]


@pytest.mark.parametrize(
    ("level", "bounds"),
    [(95, (0.025, 0.975)), (80, (0.1, 0.9)), (99.9, (0.0005, 0.9995)), (57.3, (0.2135, 0.7865))],
)
def test_the_bounds_of_an_interval_are_the_numbers_that_people_write(
    level: float, bounds: tuple[float, float]
) -> None:
    assert interval_bounds(level) == bounds


@given(st.floats(0, 100, exclude_min=True, exclude_max=True))
def test_an_interval_holds_its_share_around_the_median(level: float) -> None:
    lower, upper = interval_bounds(level)
    assert 0 < lower <= 0.5 <= upper <= 1
    assert upper - lower == pytest.approx(level / 100, abs=1e-15)


def test_intervals_have_ascending_columns_and_bands_in_the_order_asked_for() -> None:
    parameters = Parameters(level=[80, 95])
    assert asked_levels(parameters) == (0.025, 0.1, 0.9, 0.975)
    assert band_levels(parameters) == [(0.1, 0.9), (0.025, 0.975)]
    assert not has_mean_column(parameters)
    columns = [np.arange(8.0).reshape(2, 4)]
    assert quantile_bands(columns, asked_levels(parameters), band_levels(parameters)) == {
        "quantile_band_0_lower": [1.0, 5.0],
        "quantile_band_0_upper": [2.0, 6.0],
        "quantile_band_0_label": "Q10–Q90",
        "quantile_band_1_lower": [0.0, 4.0],
        "quantile_band_1_upper": [3.0, 7.0],
        "quantile_band_1_label": "Q2.5–Q97.5",
    }


def test_a_model_is_asked_for_the_bounds_of_intervals_or_for_its_own_levels() -> None:
    assert task_levels(Parameters(level=[95]), Capabilities()) == (0.025, 0.975)
    assert task_levels(Parameters(level=[80]), NATIVE) == DECILES


@pytest.mark.parametrize(
    ("level", "native", "told"),
    [
        ([99], (0.01, 0.5, 0.99), "level 99 needs Q0.5 and Q99.5; this model's range is 0.01 to 0.99."),
        ([80, 81.5, 50], DECILES, "level 81.5 needs Q9.25 and Q90.75; this model's range is 0.1 to 0.9."),
        ([99.99999999999999], None, "level 99.99999999999999 needs Q5e-15 and Q100;"),
    ],
)
def test_an_interval_outside_the_range_is_an_error_that_says_it(
    level: list[float], native: tuple[float, ...] | None, told: str
) -> None:
    with pytest.raises(RequestError) as refused:
        task_levels(Parameters(level=level), Capabilities(native_levels=native))
    assert refused.value.detail.startswith(told)


@pytest.mark.parametrize("level", [1e-300, 1e-17, 0.9e-9, 1 - 1e-15])
def test_a_level_that_is_next_to_none_or_all_is_refused_by_every_model(level: float) -> None:
    with pytest.raises(RequestError, match="outside this model's range 1e-09 to 0.999999999"):
        task_levels(Parameters(quantile_levels=[0.5, level]), Capabilities())


@pytest.mark.parametrize("value", [1000000.0, -4823765.02134839, 0.0007])
def test_a_level_between_equal_quantiles_is_equal_to_them(value: float) -> None:
    flat = Forecast(np.array([value]), np.full((1, 9), value), DECILES)
    assert quantile_columns(flat, [0.1, 0.123, 0.25, 0.9]).tolist() == [[value] * 4]
