"""The shipped samples, read as the README says."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from forecast.core.adapter import Capabilities
from forecast.core.config import Settings
from forecast.core.data.source import fetch_table
from forecast.core.errors import DataError
from forecast.core.parameters import Parameters
from forecast.core.principal import DEFAULT_CLIENT
from forecast.core.series.panel import Panel, build_panel
from tests.conftest import ROOT

RETAIL: dict[str, Any] = {
    "sales": "target",
    "store": "id",
    "price": "dynamic_numerical",
    "promo": "dynamic_categorical",
    "region": "static_categorical",
    "size": "static_numerical",
}
SAMPLES: dict[str, tuple[dict[str, Any], str, int]] = {
    "airline-passengers.csv": ({"Passengers": "target"}, "MS", 1),
    "daily-min-temperatures.csv": ({"Temp": "target"}, "D", 1),
    "pedestrians.csv": ({"location_41": "target", "location_4": "dynamic_numerical"}, "h", 1),
    "peyton-manning.csv": ({"y": "target"}, "D", 1),
    "retail-promotions.csv": (RETAIL, "D", 2),
}
MakeSettings = Callable[..., Settings]


@pytest.fixture
def read(make_settings: MakeSettings) -> Callable[..., Panel]:
    def make(name: str, **parameters: Any) -> Panel:
        table = asyncio.run(fetch_table(f"data/samples/{name}", None, make_settings(), DEFAULT_CLIENT))
        roles = SAMPLES[name][0]
        given = Parameters(**parameters)
        return build_panel(table, roles, given, horizon=14, context_len=None, limits=Capabilities())

    return make


def test_every_sample_is_tested() -> None:
    assert {path.name for path in (ROOT / "data" / "samples").glob("*.csv")} == SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_read_whole(read: Callable[..., Panel], name: str) -> None:
    _, freq, series = SAMPLES[name]
    panel = read(name, missing="interpolate")
    assert (panel.freq, len(panel.series)) == (freq, series)
    for one in panel.series:
        assert np.isfinite(one.target).all()
        assert len(one.future_index) == 14


def test_the_sample_with_gaps_is_refused_unless_filled(read: Callable[..., Panel]) -> None:
    with pytest.raises(DataError, match="no row for"):
        read("peyton-manning.csv")


def test_the_future_of_the_retail_sample_is_known(read: Callable[..., Panel]) -> None:
    panel = read("retail-promotions.csv", covariates_mode="strict")
    assert panel.warnings == ()
    for one in panel.series:
        assert [c.name for c in one.covariates] == ["price", "promo", "region", "size"]
        assert all(c.future is not None and len(c.future) == 14 for c in one.covariates)
