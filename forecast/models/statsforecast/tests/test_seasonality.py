"""Seasons that a trend hides from the Theta method's own test."""

import numpy as np
import pytest

from forecast.core.adapter import Floats
from forecast.models.statsforecast.schemas.schema import Method
from forecast.models.statsforecast.services.fit import fit
from forecast.models.statsforecast.services.methods import Choice, choose
from forecast.models.statsforecast.services.seasonality import hides_season
from forecast.models.statsforecast.tests.build import make_series, make_task

STEPS = np.arange(72)
NOISE = np.random.default_rng(3).normal(0, 20, len(STEPS))
SEASON = 150 * np.sin(2 * np.pi * STEPS / 12)


@pytest.mark.parametrize(
    ("values", "hidden"),
    [
        (1000 + 10 * STEPS + SEASON + NOISE, True),
        (1000 + SEASON + NOISE, False),
        (1000 + 10 * STEPS + NOISE, False),
        (1000.0 + STEPS, False),
        ((1000 + 10 * STEPS + SEASON + NOISE)[:23], False),
    ],
)
def test_a_season_is_hidden_by_a_trend_only(values: Floats, hidden: bool) -> None:
    assert hides_season(values, 12) is hidden


def test_a_season_of_less_than_four_steps_is_nobodys() -> None:
    assert not hides_season((10 * STEPS + STEPS % 3).astype(np.float64), 3)


def test_auto_forecasts_the_season_of_a_growing_series() -> None:
    values = 1000 + 10 * STEPS + SEASON + NOISE
    series = make_series(values[:60])

    assert choose("auto", series) == Choice("MSTL", (12,))
    methods: list[Method] = ["auto", "DynamicOptimizedTheta"]
    with_season, without = (
        np.abs(fit(make_task(series, method)).mean - values[60:]).mean() for method in methods
    )

    assert with_season < 30
    assert without > 90
