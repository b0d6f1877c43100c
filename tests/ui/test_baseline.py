from math import sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.baseline import seasonal_naive
from ui.forecasts import Forecast, Value


def make(history: list[Value], steps: int, levels: tuple[float, ...] = (0.1, 0.5, 0.9)) -> Forecast:
    return Forecast(
        model="ets",
        unique_id="a",
        method="ets",
        dates=[str(step) for step in range(len(history))],
        history=history,
        future=[f"f{step}" for step in range(steps)],
        point=[0.0] * steps,
        quantiles={level: [0.0] * steps for level in levels},
        actual=[None] * steps,
    )


def test_each_step_is_the_value_one_season_ago_and_the_season_repeats() -> None:
    found = seasonal_naive(make([1.0, 2.0, 3.0, 4.0, 5.0, 7.0], steps=5), season=3)

    assert (found.model, found.method) == ("SeasonalNaive", "season of 3")
    assert found.point == [4.0, 5.0, 7.0, 4.0, 5.0]


def test_bands_are_normal_and_grow_with_the_root_of_the_seasons_ahead() -> None:
    found = seasonal_naive(make([1.0, 2.0, 3.0, 5.0, 6.0, 9.0], steps=7), season=3)

    sigma = sqrt((4.0**2 + 4.0**2 + 6.0**2) / 3)
    reach = NormalDist().inv_cdf(0.9) * sigma
    spread = [upper - point for upper, point in zip(found.quantiles[0.9], found.point, strict=True)]
    assert spread == pytest.approx([reach] * 3 + [reach * sqrt(2)] * 3 + [reach * sqrt(3)])
    assert found.quantiles[0.5] == found.point
    assert found.quantiles[0.1] == pytest.approx([p - s for p, s in zip(found.point, spread, strict=True)])


@pytest.mark.parametrize("season", [0, 1, 3, 12])
def test_without_a_whole_season_the_last_value_is_repeated(season: int) -> None:
    found = seasonal_naive(make([1.0, 3.0, 2.0], steps=2), season)

    assert found.point == [2.0, 2.0]
    assert found.quantiles[0.9][0] - 2.0 == pytest.approx(NormalDist().inv_cdf(0.9) * sqrt((4 + 1) / 2))


def test_a_gap_counts_as_the_value_before_it_and_before_the_first_as_the_first() -> None:
    found = seasonal_naive(make([None, 4.0, None, 6.0, None], steps=3), season=2)

    assert found.point == [6.0, 6.0, 6.0]
    assert seasonal_naive(make([None, 4.0, 5.0], steps=3), season=2).point == [4.0, 5.0, 4.0]


def test_one_value_is_repeated_without_any_spread() -> None:
    found = seasonal_naive(make([5.0], steps=2), season=7)

    assert found.point == [5.0, 5.0]
    assert found.quantiles == {0.1: [5.0, 5.0], 0.5: [5.0, 5.0], 0.9: [5.0, 5.0]}


@given(
    history=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    season=st.integers(0, 40),
    steps=st.integers(1, 30),
)
def test_it_has_the_steps_and_levels_of_the_forecast_it_stands_beside(
    history: list[Value], season: int, steps: int
) -> None:
    like = make(history, steps)
    found = seasonal_naive(like, season)

    assert (found.future, found.history, found.unique_id) == (like.future, like.history, "a")
    assert set(found.point) <= set(history)
    assert all(
        low <= middle <= high
        for low, middle, high in zip(*(found.quantiles[level] for level in (0.1, 0.5, 0.9)), strict=True)
    )
