from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.errors import DataError, RequestError
from forecast.core.series.dates import parse_dates
from forecast.core.series.zone import read_stamps
from tests.core.series.test_panel import DAYS, panel

AUTUMN = ["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"]


def test_repeated_hours_are_told_apart_whichever_way_the_rows_run() -> None:
    rising = panel({"date": AUTUMN, "y": [1, 2, 3, 4]}, timezone="Europe/Berlin").series[0]
    falling = panel({"date": AUTUMN[::-1], "y": [4, 3, 2, 1]}, timezone="Europe/Berlin").series[0]
    assert rising.target.tolist() == falling.target.tolist() == [1, 2, 3, 4]
    assert rising.index.tolist() == falling.index.tolist()


def test_one_series_may_run_up_and_another_down() -> None:
    made = panel(
        {"date": AUTUMN + AUTUMN[::-1], "shop": [*"aaaabbbb"], "y": [1, 2, 3, 4, 14, 13, 12, 11]},
        {"y": "target", "shop": "id"},
        timezone="Europe/Berlin",
    )
    assert [one.target.tolist() for one in made.series] == [[1, 2, 3, 4], [11, 12, 13, 14]]


@pytest.mark.parametrize("zone", [" ", "Europe/Atlantis", "../../etc/passwd", "dateutil//etc/passwd", "\x00"])
@pytest.mark.parametrize("offset", ["", "T00:00:00Z"])
def test_a_zone_that_is_none_is_refused_for_dates_of_any_kind(zone: str, offset: str) -> None:
    with pytest.raises(RequestError, match="is no time zone"):
        panel({"date": [day + offset for day in DAYS], "y": list(range(10))}, timezone=zone)


def test_an_empty_zone_is_refused() -> None:
    with pytest.raises(RequestError, match="'' is no time zone"):
        read_stamps(pd.Series(DAYS, name="date"), [np.arange(len(DAYS))], "")


@pytest.mark.parametrize(
    ("field", "bound", "expected"),
    [
        ("context_start_date", "2024-03-31 02:30", ["03:00", "04:00"]),
        ("context_end_date", "2024-03-31 02:30", ["00:00", "01:00"]),
        ("context_start_date", "2024-03-31 01:00", ["01:00", "03:00", "04:00"]),
    ],
)
def test_a_bound_that_the_clock_skips_lies_between_the_hours_around_it(
    field: str, bound: str, expected: list[str]
) -> None:
    stamps = [f"2024-03-31 {hour}:00" for hour in ("00", "01", "03", "04")]
    made = panel(
        {"date": stamps, "y": [1, 2, 3, 4]}, timezone="Europe/Berlin", **dict[str, Any]({field: bound})
    )
    assert made.series[0].index.strftime("%H:%M").tolist() == expected


@pytest.mark.parametrize(
    ("field", "expected"), [("context_start_date", [2, 3, 4]), ("context_end_date", [1, 2, 3])]
)
def test_a_bound_in_a_repeated_hour_takes_both_in(field: str, expected: list[float]) -> None:
    made = panel(
        {"date": AUTUMN, "y": [1, 2, 3, 4]},
        timezone="Europe/Berlin",
        **dict[str, Any]({field: "2024-10-27 02:00"}),
    )
    assert made.series[0].target.tolist() == expected


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_an_end_at_the_last_date_is_refused(zone: str | None) -> None:
    with pytest.raises(RequestError, match="context_end_date '2262-04-11' is too close to the .* last date"):
        panel({"date": DAYS, "y": list(range(10))}, timezone=zone, context_end_date="2262-04-11")


def test_an_end_on_a_day_without_midnight_takes_that_day_in() -> None:
    days = pd.date_range("2024-04-24", periods=5, freq="D").astype(str).tolist()
    made = panel({"date": days, "y": [1, 2, 3, 4, 5]}, timezone="Africa/Cairo", context_end_date="2024-04-26")
    assert made.series[0].target.tolist() == [1, 2, 3]


@pytest.mark.parametrize("far", ["1677-09-22", "2262-04-11"])
@pytest.mark.parametrize(("offset", "zone"), [("", "America/Havana"), ("T00:00:00Z", None)])
def test_a_date_at_the_edge_of_time_is_refused_in_a_zone(far: str, offset: str, zone: str | None) -> None:
    with pytest.raises(DataError, match=f"'date' has the date {far}.* years 1678 to 2261"):
        panel({"date": ["2024-01-01" + offset, far + offset], "y": [1, 2]}, timezone=zone, freq="D")


def test_a_skipped_hour_of_hourly_rows_is_an_error_that_asks_for_offsets() -> None:
    hours = [f"2024-03-31 {hour}:00" for hour in ("04", "03", "02", "01")]
    with pytest.raises(DataError, match="write the dates with offsets"):
        panel({"date": hours, "y": [4, 3, 2, 1]}, timezone="Europe/Berlin")


def test_a_date_of_a_typed_column_beyond_the_year_2262_is_named() -> None:
    dates = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"]).astype("datetime64[us]"))
    dates[1] = pd.Timestamp("3000-01-01")
    with pytest.raises(DataError, match="row 2: '3000-01-01 00:00:00' is not a date"):
        parse_dates(dates.rename("date"))


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("2024", "2024-12-31"),
        ("2024-02", "2024-02-29"),
        ("2024Q1", "2024-03-31"),
        ("2024-03-05", "2024-03-05"),
    ],
)
def test_a_month_a_quarter_and_a_year_end_with_their_last_day(end: str, last: str) -> None:
    days = pd.date_range("2023-12-01", "2025-02-01").strftime("%Y-%m-%d").tolist()
    made = panel({"date": days, "y": list(range(len(days)))}, context_end_date=end)
    assert made.series[0].index[-1] == pd.Timestamp(last)


def test_a_month_begins_with_its_first_day() -> None:
    days = pd.date_range("2023-12-01", "2024-04-01").strftime("%Y-%m-%d").tolist()
    made = panel({"date": days, "y": list(range(len(days)))}, context_start_date="2024-02")
    assert made.series[0].index[0] == pd.Timestamp("2024-02-01")
