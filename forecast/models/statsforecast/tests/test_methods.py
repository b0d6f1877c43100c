"""What is chosen for which series, before anything is fitted."""

import pytest

from forecast.models.statsforecast.schemas.schema import Method
from forecast.models.statsforecast.services.methods import Choice, choose
from forecast.models.statsforecast.tests.build import make_series, seasonal


@pytest.mark.parametrize(
    ("freq", "season", "steps", "expected"),
    [
        ("h", 24, 300, Choice("MSTL", (24,))),
        ("h", 24, 672, Choice("MSTL", (24, 168))),
        ("2h", 12, 100, Choice("MSTL", (12,))),
        ("15min", 96, 400, Choice("MSTL", (96,))),
        ("D", 365, 800, Choice("MSTL", (365,))),
        ("D", 7, 100, Choice("AutoARIMA", (7,))),
        ("B", 5, 100, Choice("AutoARIMA", (5,))),
        ("W-SUN", 52, 200, Choice("AutoARIMA", (1,))),
        ("min", 1, 100, Choice("AutoARIMA", (1,))),
        ("MS", 12, 100, Choice("DynamicOptimizedTheta", (12,))),
        ("ME", 12, 100, Choice("DynamicOptimizedTheta", (12,))),
        ("QS-OCT", 4, 30, Choice("DynamicOptimizedTheta", (4,))),
        ("BME", 12, 100, Choice("DynamicOptimizedTheta", (12,))),
        ("BMS", 12, 100, Choice("DynamicOptimizedTheta", (12,))),
        ("BQE-DEC", 4, 30, Choice("DynamicOptimizedTheta", (4,))),
        ("BYE-DEC", 1, 30, Choice("DynamicOptimizedTheta", (1,))),
        ("7D", 52, 200, Choice("AutoARIMA", (1,))),
        ("YE-DEC", 1, 30, Choice("DynamicOptimizedTheta", (1,))),
    ],
)
def test_auto_follows_the_frequency(freq: str, season: int, steps: int, expected: Choice) -> None:
    series = make_series(seasonal(steps), horizon=2, freq=freq, season=season)
    assert choose("auto", series) == expected


@pytest.mark.parametrize(
    ("freq", "season", "steps", "expected"),
    [
        ("h", 24, 48, Choice("SeasonalNaive", (24,))),
        ("h", 24, 26, Choice("SeasonalNaive", (24,))),
        ("h", 24, 25, Choice("Naive", ())),
        ("MS", 12, 23, Choice("SeasonalNaive", (12,))),
        ("MS", 12, 4, Choice("Naive", ())),
        ("D", 7, 9, Choice("SeasonalNaive", (7,))),
        ("W-SUN", 52, 9, Choice("Naive", ())),
        ("YS", 1, 2, Choice("Naive", ())),
    ],
)
def test_a_short_history_falls_back_without_ado(freq: str, season: int, steps: int, expected: Choice) -> None:
    series = make_series(seasonal(steps), horizon=2, freq=freq, season=season)
    assert choose("auto", series) == expected


@pytest.mark.parametrize(
    ("method", "season", "steps", "used", "told"),
    [
        (
            "MSTL",
            12,
            24,
            "SeasonalNaive",
            "MSTL needs at least 25 steps, not 24; SeasonalNaive was used instead.",
        ),
        ("MSTL", 1, 24, "AutoETS", "MSTL needs a season, and the series has none; AutoETS was used instead."),
        ("AutoETS", 12, 9, "Naive", "AutoETS needs at least 10 steps, not 9; Naive was used instead."),
        (
            "AutoETS",
            52,
            200,
            "MSTL",
            "AutoETS takes seasons of at most 24 steps, not 52; MSTL was used instead.",
        ),
        (
            "AutoARIMA",
            1,
            9,
            "SeasonalNaive",
            "AutoARIMA needs at least 10 steps, not 9; SeasonalNaive was used instead.",
        ),
        ("AutoTheta", 4, 4, "Naive", "AutoTheta needs at least 5 steps, not 4; Naive was used instead."),
        (
            "SeasonalNaive",
            12,
            13,
            "Naive",
            "SeasonalNaive needs at least 14 steps, not 13; Naive was used instead.",
        ),
    ],
)
def test_a_method_that_cannot_be_fitted_is_replaced_and_named(
    method: Method, season: int, steps: int, used: str, told: str
) -> None:
    choice = choose(method, make_series(seasonal(steps), season=season))
    assert (choice.method, choice.warnings) == (used, (told,))


def test_arima_leaves_a_long_season_out_and_says_so() -> None:
    choice = choose("AutoARIMA", make_series(seasonal(200, 52), freq="W-SUN", season=52))
    told = "AutoARIMA takes seasons of at most 24 steps; that of 52 was left out."
    assert choice == Choice("AutoARIMA", (1,), (told,))
