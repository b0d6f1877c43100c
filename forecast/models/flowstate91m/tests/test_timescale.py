from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import Options, Series
from forecast.core.libraries import import_alone
from forecast.core.series.calendar import season_length
from forecast.models.flowstate91m.schemas.schema import FlowStateOptions
from forecast.models.flowstate91m.services.timescale import scale_factor, timescale

R1 = SimpleNamespace(decoder_patch_len=24, context_length=2048, with_missing=True)


def make_series(freq: str, season: int | None = None) -> Series:
    empty = pd.DatetimeIndex([])
    return Series("s", empty, np.zeros(1), empty, freq, season or season_length(freq))


@pytest.mark.parametrize(
    ("freq", "alias"),
    [
        ("4s", "4S"),
        ("10s", "10S"),
        ("min", "T"),
        ("15min", "15T"),
        ("30min", "30T"),
        ("h", "H"),
        ("6h", "6H"),
        ("D", "D"),
        ("W-SUN", "W-SUN"),
        ("MS", "M"),
        ("ME", "M"),
        ("QS-OCT", "Q"),
        ("YS-JAN", "A"),
    ],
)
def test_a_frequency_has_the_scale_factor_that_the_library_gives_it(freq: str, alias: str) -> None:
    name = "tsfm_public.models.flowstate.utils.utils"
    import_alone(name)
    from tsfm_public.models.flowstate.utils.utils import get_fixed_factor

    expected = get_fixed_factor(alias, domain="Sales")
    assert scale_factor(make_series(freq), FlowStateOptions()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("freq", "factor"), [("7h", 7.0), ("B", 4.8), ("2D", 48 / 7), ("5D", 24 * 5 / 365), ("2W", 24 * 14 / 365)]
)
def test_so_have_those_the_library_does_not_know(freq: str, factor: float) -> None:
    assert scale_factor(make_series(freq), FlowStateOptions()) == pytest.approx(factor)


def test_a_season_that_is_named_counts_before_the_frequency() -> None:
    assert scale_factor(make_series("D", 365), FlowStateOptions()) == 24 / 365
    assert scale_factor(make_series("10s", 100), FlowStateOptions()) == 0.24


def test_a_scale_factor_that_is_named_counts_before_all() -> None:
    assert scale_factor(make_series("D", 365), FlowStateOptions(scale_factor=0.5)) == 0.5


@pytest.mark.parametrize("freq", ["YS", "18h"])
def test_without_a_season_it_is_that_of_four_steps(freq: str) -> None:
    assert scale_factor(make_series(freq), Options()) == 6.0


def test_window_and_patch_shrink_as_the_clock_speeds_up() -> None:
    seen = {factor: timescale(R1, factor) for factor in (24 / 59, 1.0, 24 / 7, 24.0, 24 / 1440)}
    assert {factor: (one.window, one.patch) for factor, one in seen.items()} == {
        24 / 59: (5034, 59),
        1.0: (2048, 24),
        24 / 7: (597, 7),
        24.0: (85, 1),
        24 / 1440: (16_384, 1440),
    }


def test_the_horizon_beyond_a_patch_takes_its_steps_from_the_context() -> None:
    hourly = timescale(R1, 1.0)
    assert (hourly.masked(24), hourly.max_context(24)) == (0, 2048)
    assert (hourly.masked(100), hourly.max_context(100)) == (76, 1972)
    assert hourly.max_horizon == 2071
    assert hourly.max_context(2071) == 1


def test_the_table_of_the_overview_is_that_of_r1() -> None:
    page = Path(__file__).parents[1] / "documentation/overview.md"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.read_text().splitlines()]
    told = {
        row[0]: [float(cell) for cell in row[2:]] for row in rows if len(row) == 6 and row[2][0].isdigit()
    }
    freqs = ("min", "15min", "h", "D", "W-SUN", "MS", "QS-OCT")
    assert len(told) == len(freqs)
    for freq, row in zip(freqs, told.values(), strict=True):
        scale = timescale(R1, scale_factor(make_series(freq), FlowStateOptions()))
        assert row[0] == pytest.approx(scale.factor, rel=0.01)
        assert row[1:] == [scale.window, scale.patch, min(scale.max_horizon, 16_384)]
