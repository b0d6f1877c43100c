import numpy as np
import pandas as pd
import pytest

from forecast.core.errors import DataError, RequestError
from forecast.core.series.grid import count_steps, future_index, grid, keeps_clock
from tests.core.series.test_panel import DAYS, panel


@pytest.mark.parametrize("freq", ["h", "D", "2D", "W-SUN", "MS", "QE-DEC", "B", "YS-JAN", "WOM-3FRI"])
def test_steps_are_counted_without_making_them(freq: str) -> None:
    stamps = pd.date_range("2000-01-01", "2023-12-31", freq=freq)
    assert count_steps(stamps[0], stamps[-1], freq) == pytest.approx(len(stamps), rel=0.03)


@pytest.mark.parametrize(
    ("last", "freq", "horizon"),
    [
        ("2024-01-01", "D", 90_000),
        ("2024-01-01", "h", 10**9),
        ("2262-04-01", "D", 30),
        ("2262-01-01", "MS", 30),
        ("2024-01-01", "B", 90_000),
        ("2262-04-11", "C", 1),
        ("2024-01-01", "W-SUN", 10**6),
        ("2262-01-01", "YE-DEC", 3),
    ],
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_horizon_beyond_the_last_date_is_refused(
    last: str, freq: str, horizon: int, zone: str | None
) -> None:
    with pytest.raises(RequestError, match=f"horizon of {horizon} steps .* beyond the year 2262"):
        future_index(pd.Timestamp(last, tz=zone), freq, horizon)


def test_a_horizon_up_to_the_last_date_is_whole() -> None:
    assert str(future_index(pd.Timestamp("2262-04-01"), "D", 10)[-1].date()) == "2262-04-11"


@pytest.mark.parametrize("freq", ["s", "ns", "min", "bh"])
def test_a_frequency_far_too_fine_for_the_rows_is_refused(freq: str) -> None:
    dates = pd.date_range("1990-01-01", "2023-12-31", periods=4).normalize().astype(str).tolist()
    with pytest.raises(DataError, match=f"'{freq}' does not fit series 'series_0'.*the series has 4 rows"):
        panel({"date": dates, "y": [1, 2, 3, 4]}, freq=freq, missing="ffill")


def test_a_fine_frequency_may_leave_some_gaps() -> None:
    made = panel({"date": DAYS[:2], "y": [1, 2]}, freq="min", missing="ffill")
    assert len(made.series[0].target) == 1441


def test_a_day_without_a_midnight_begins_at_its_first_moment() -> None:
    known = pd.date_range("2024-04-20", periods=4, freq="D").astype(str).tolist()
    made = panel({"date": known, "y": [1, 2, 3, 4]}, timezone="Africa/Cairo")
    assert [stamp.isoformat() for stamp in made.series[0].future_index] == [
        "2024-04-24T00:00:00+02:00",
        "2024-04-25T00:00:00+02:00",
        "2024-04-26T01:00:00+03:00",
    ]


@pytest.mark.parametrize("days", [5, 7, 9])
def test_days_of_which_one_has_no_midnight_are_days(days: int) -> None:
    stamps = pd.date_range("2024-04-20", periods=days, freq="D")
    made = panel({"date": stamps.astype(str).tolist(), "y": list(range(days))}, timezone="Africa/Cairo")
    assert made.freq == "D"
    assert made.series[0].target.tolist() == list(range(days))
    future = pd.date_range(stamps[-1], periods=4, freq="D")[1:]
    zoned = future.tz_localize("Africa/Cairo", nonexistent="shift_forward")
    assert made.series[0].future_index.tolist() == zoned.tolist()


def test_every_other_day_goes_on_at_midnight_from_a_day_without_one() -> None:
    known = pd.date_range("2024-04-20", periods=4, freq="2D").astype(str).tolist()
    series = panel({"date": known, "y": [1, 2, 3, 4]}, timezone="Africa/Cairo").series[0]
    assert series.index[-1].isoformat() == "2024-04-26T01:00:00+03:00"
    assert series.future_index[0].isoformat() == "2024-04-28T00:00:00+03:00"


def test_a_day_with_two_midnights_begins_at_the_first() -> None:
    stamps = pd.date_range("2024-10-30", periods=4, freq="D").astype(str).tolist()
    made = panel({"date": stamps, "y": [1, 2, 3, 4]}, timezone="America/Havana")
    assert [stamp.isoformat() for stamp in made.series[0].future_index[:2]] == [
        "2024-11-03T00:00:00-04:00",
        "2024-11-04T00:00:00-05:00",
    ]


@pytest.mark.parametrize("start", ["2024-03-29", "2024-10-25"])
@pytest.mark.parametrize("freq", ["2h", "3h", "6h", "12h"])
@pytest.mark.parametrize("known", [30, 32, 40])
def test_hours_of_the_clock_stay_so_when_the_clock_changes(start: str, freq: str, known: int) -> None:
    stamps = pd.date_range(start, periods=known + 12, freq=freq)
    zoned = stamps.tz_localize(
        "Europe/Berlin", nonexistent="shift_forward", ambiguous=np.ones(len(stamps), dtype=bool)
    )
    dates = stamps[:known].astype(str).tolist()
    made = panel({"date": dates, "y": list(range(known))}, horizon=12, timezone="Europe/Berlin")
    assert made.freq == freq
    assert made.series[0].target.tolist() == list(range(known))
    assert made.series[0].future_index.tolist() == zoned[known:].tolist()


def test_the_calendar_goes_on_by_the_clock_from_an_hour_that_it_skipped() -> None:
    stamps = pd.date_range("2024-03-30", "2024-03-31 02:00", freq="2h").astype(str).tolist()
    made = panel({"date": stamps, "y": list(range(len(stamps)))}, horizon=2, timezone="Europe/Berlin")
    assert [str(stamp.time()) for stamp in made.series[0].index[-2:]] == ["00:00:00", "03:00:00"]
    assert [str(stamp.time()) for stamp in made.series[0].future_index] == ["04:00:00", "06:00:00"]


def test_every_other_hour_elapsed_stays_so_when_the_clock_changes() -> None:
    stamps = pd.date_range("2024-03-30", periods=30, freq="2h", tz="UTC")
    dates = [stamp.isoformat() for stamp in stamps]
    made = panel({"date": dates[:27], "y": list(range(27))}, timezone="Europe/Berlin")
    assert made.series[0].index.tolist() == stamps[:27].tolist()
    assert made.series[0].future_index.tolist() == stamps[27:].tolist()


def test_a_calendar_is_kept_by_the_clock_only_in_a_zone() -> None:
    stamps = pd.date_range("2024-03-30", periods=30, freq="12h")
    assert keeps_clock(stamps.tz_localize("Europe/Berlin"), "12h")
    assert not keeps_clock(stamps, "12h")
    assert not keeps_clock(stamps.tz_localize("Europe/Berlin"), "h")


def test_a_grid_of_hours_has_the_repeated_one_twice() -> None:
    ends = pd.DatetimeIndex(["2024-10-27 01:00", "2024-10-27 03:00"]).tz_localize("Europe/Berlin")
    assert [stamp.hour for stamp in grid(ends[0], ends[1], "h")] == [1, 2, 2, 3]


@pytest.mark.parametrize("first", ["2024-01-15", "2024-01-31"])
def test_a_row_before_the_first_step_of_the_calendar_is_named(first: str) -> None:
    dates = [first, "2024-02-01", "2024-03-01", "2024-04-01"]
    with pytest.raises(
        DataError, match="Row 1 of series 'series_0'.*not lie on the calendar 'MS'"
    ) as refused:
        panel({"date": dates, "y": [1, 2, 3, 4]}, freq="MS")
    assert [cell.row for cell in refused.value.errors] == [1]


def test_a_single_row_off_its_calendar_is_named() -> None:
    with pytest.raises(DataError, match="Row 1 of series"):
        panel({"date": ["2024-01-15"], "y": [1]}, freq="MS")
