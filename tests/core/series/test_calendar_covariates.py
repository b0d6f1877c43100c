from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import Covariate
from forecast.core.errors import RequestError
from forecast.core.series.calendar_covariates import FEATURES, name_fault, read_calendar
from forecast.core.series.public_holidays import find_holidays
from tests.core.series.test_panel import panel

CHRISTMAS = [f"2024-12-{day:02d}" for day in range(21, 29)]
EIGHT: dict[str, Any] = {"date": CHRISTMAS, "y": list(range(8))}


def made(table: dict[str, Any], *names: str, **parameters: Any) -> dict[str, Covariate]:
    (series,) = panel(table, add_calendar=list(names), **parameters).series
    return {covariate.name: covariate for covariate in series.covariates}


def values(covariate: Covariate) -> list[Any]:
    assert covariate.future is not None
    return [*covariate.past.tolist(), *covariate.future.tolist()]


def test_the_past_and_the_future_of_a_series_get_what_their_dates_tell() -> None:
    names = (
        "day_of_week",
        "is_weekend",
        "holidays:DE",
        "day_of_month",
        "month",
        "is_month_end",
        "week_of_year",
    )
    found = made(EIGHT, *names, "quarter", "day_of_year", horizon=5)
    assert tuple(found) == (*names, "quarter", "day_of_year")
    assert values(found["day_of_week"]) == [f"{(step + 5) % 7:02d}" for step in range(13)]
    assert values(found["is_weekend"]) == [1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert values(found["holidays:DE"]) == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0]
    assert values(found["day_of_month"]) == [*range(21, 32), 1, 2]
    # January and its quarter are not in the context: nothing can be learned of them.
    assert values(found["month"]) == ["12"] * 13
    assert values(found["is_month_end"]) == [0] * 10 + [1, 0, 0]
    assert values(found["week_of_year"]) == [51] * 2 + [52] * 7 + [1] * 4
    assert values(found["quarter"]) == ["04"] * 13
    assert values(found["day_of_year"]) == [*range(356, 367), 1, 2]
    for name, covariate in found.items():
        assert not covariate.static
        assert covariate.kind == (FEATURES[name].kind if name in FEATURES else "numerical")
        assert len(covariate.past) == 8
        assert covariate.past.dtype == (object if covariate.kind == "categorical" else np.float64)


def test_a_context_cut_short_has_covariates_as_long_as_it_is() -> None:
    found = made(EIGHT, "day_of_month", context_len=3, horizon=2)["day_of_month"]
    assert found.past.tolist() == [26, 27, 28]
    assert values(found) == [26, 27, 28, 29, 30]


def test_hours_and_days_are_those_of_the_requests_zone() -> None:
    stamps = pd.date_range("2024-12-24 01:00", periods=24, freq="h", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    table = {"date": stamps.tolist(), "y": list(range(24))}
    names = ("hour", "holidays:DE")
    utc, berlin = made(table, *names, horizon=1), made(table, *names, horizon=1, timezone="Europe/Berlin")
    assert values(utc["hour"])[-5:] == ["21", "22", "23", "00", "01"]
    assert values(berlin["hour"])[-5:] == ["22", "23", "00", "01", "02"]
    assert values(utc["holidays:DE"])[-5:] == [0, 0, 0, 1, 1]
    assert values(berlin["holidays:DE"])[-5:] == [0, 0, 1, 1, 1]


def test_what_no_context_has_of_a_category_ahead_is_left_out_with_a_warning() -> None:
    dates = pd.date_range("2024-01-01", periods=31).strftime("%Y-%m-%d").tolist()
    table: dict[str, Any] = {"date": dates, "y": list(range(31))}
    found = panel(table, add_calendar=["month", "day_of_week"], horizon=2)
    assert found.warnings == (
        "'month' was left out of series whose context has not all of its values ahead: 02.",
    )
    (series,) = found.series
    assert [values(c)[-3:] for c in series.covariates] == [["01"] * 3, ["02", "03", "04"]]


@pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
def test_the_end_of_a_month_is_its_last_day_whatever_the_frequency(timezone: str | None) -> None:
    dates = pd.bdate_range("2024-01-01", periods=90).strftime("%Y-%m-%d").tolist()
    table = {"date": dates, "y": list(range(90))}
    (series,) = panel(table, add_calendar=["is_month_end"], horizon=20, timezone=timezone).series
    stamps = series.index.append(series.future_index)
    flagged = stamps[np.array(values(series.covariates[0])) == 1]
    assert flagged.strftime("%m-%d").tolist() == ["01-31", "02-29", "04-30", "05-31"]


BERLIN = [
    "2024-03-30T23:00:00+01:00",
    "2024-03-31T00:00:00+01:00",
    "2024-03-31T01:00:00+01:00",
    "2024-03-31T03:00:00+02:00",
    "2024-03-31T04:00:00+02:00",
]


def test_a_clock_that_is_not_told_is_asked_for() -> None:
    table = {"date": BERLIN, "y": [1, 2, 3, 4, 5]}
    with pytest.raises(RequestError, match="several offsets from UTC.*pass 'timezone'"):
        panel(table, add_calendar=["day_of_month"], horizon=1)
    assert panel(table, horizon=1).warnings == (
        "The dates of column 'date' have several offsets from UTC and were read as UTC; pass 'timezone'"
        " to keep their clock.",
    )
    zoned = made(table, "day_of_month", horizon=1, timezone="Europe/Berlin")
    assert values(zoned["day_of_month"]) == [30, 31, 31, 31, 31, 31]


def test_they_stand_behind_the_columns_of_the_table_and_need_no_rows_for_their_future() -> None:
    table = EIGHT | {"promo": [0, 1] * 4}
    made_panel = panel(
        table, {"y": "target", "promo": "dynamic_numerical"}, add_calendar=["is_weekend"], horizon=2
    )
    assert [one.name for one in made_panel.series[0].covariates] == ["promo", "is_weekend"]
    assert len(made_panel.warnings) == 1
    assert "'promo'" in made_panel.warnings[0]


def test_without_use_covariates_none_are_made_and_nothing_is_said() -> None:
    table = {"date": ["2024-01-01", "2024-02-01", "2024-03-01"], "y": [1, 2, 3], "month": [1, 2, 3]}
    roles = {"y": "target", "month": "dynamic_numerical"}
    found = panel(table, roles, add_calendar=["month", "day_of_week"], use_covariates=False)
    assert found.series[0].covariates == ()
    assert found.warnings == ()


@pytest.mark.parametrize("role", ["dynamic_numerical", "static_categorical", "target"])
def test_a_name_that_a_column_has_is_refused(role: str) -> None:
    roles = {"y": "target", "month": role} if role != "target" else {"month": "target"}
    with pytest.raises(RequestError, match="a covariate 'month', which data_definition names too"):
        panel(EIGHT | {"month": [1] * 8}, roles, add_calendar=["month"])
    panel(EIGHT | {"month": [1] * 8}, add_calendar=["month"])


ALL = (*FEATURES, "holidays:DE")
YEARLY = ("day_of_year", "week_of_year", "month", "quarter")


@pytest.mark.parametrize(
    ("freq", "kept"),
    [
        ("h", ALL),
        ("15min", ALL),
        ("D", ALL[1:]),
        ("24h", ALL[1:]),
        ("B", ALL[1:]),
        ("2D", ("day_of_week", "is_weekend", "day_of_month", *YEARLY)),
        ("W-WED", ("day_of_month", *YEARLY)),
        ("7D", ("day_of_month", *YEARLY)),
        ("MS", YEARLY),
        ("ME", YEARLY),
        ("QS-FEB", YEARLY),
        ("YS-JAN", ()),
        ("300YE-DEC", ()),
    ],
)
def test_what_a_step_jumps_over_is_left_out_with_a_warning(freq: str, kept: tuple[str, ...]) -> None:
    found = read_calendar(ALL, {}, freq)
    assert set(found.names) == set(kept)
    assert [note.split("'")[1] for note in found.warnings] == [name for name in ALL if name not in kept]
    assert all(f"a step of '{freq}' is too long for it" in note for note in found.warnings)


def test_a_covariate_that_never_changes_in_the_context_is_told() -> None:
    found = panel(EIGHT, add_calendar=["month", "day_of_week"])
    assert found.warnings == (
        "'month' is the same at every step of a series' context, so its effect cannot be told.",
    )
    assert [one.name for one in found.series[0].covariates] == ["month", "day_of_week"]


def test_every_series_has_those_of_its_own_dates() -> None:
    later = [f"2025-01-{day:02d}" for day in range(1, 9)]
    table = {"date": CHRISTMAS + later, "shop": ["a"] * 8 + ["b"] * 8, "y": list(range(16))}
    first, second = panel(table, {"y": "target", "shop": "id"}, add_calendar=["day_of_month"]).series
    assert values(first.covariates[0]) == list(range(21, 32))
    assert values(second.covariates[0]) == list(range(1, 12))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("mont", "The calendar has no 'mont' (did you mean 'month'?)"),
        ("holiday:DE", "The calendar has no 'holiday:DE' (did you mean 'holidays:DE'?)"),
        ("holidays", "'holidays' names no country; write 'holidays:DE'"),
        ("month", None),
        ("holidays:XX", None),
    ],
)
def test_an_unknown_name_offers_the_nearest(name: str, fault: str | None) -> None:
    assert name_fault(name) == fault


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("DEU", r"no holidays of a country 'DEU' \(did you mean 'DE'\?\)"),
        ("de", r"did you mean 'DE'\?"),
        ("UK", r"did you mean 'GB'\?"),
        ("Germny", r"did you mean 'DE'\?"),
        ("United Kingdom", r"did you mean 'GB'\?"),
        ("XX", r"\(known: AD, AE, AF, .*DE, "),
        ("DE-by", r"The country 'DE' has no part 'by' with holidays of its own \(did you mean 'BY'\?\)"),
        ("DE-XX", r"\(known: Augsburg, BB, BE"),
        ("LU-L", r"\(its holidays are those of the whole country\)"),
    ],
)
def test_an_unknown_country_or_part_offers_the_nearest(place: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        read_calendar([f"holidays:{place}"], {}, "D")


def test_a_part_of_a_country_has_its_own_holidays() -> None:
    epiphany = np.datetime64("2024-01-06")
    assert epiphany in find_holidays("DE", "BY", 2024, 2024).days
    assert epiphany not in find_holidays("DE", None, 2024, 2024).days


def test_a_holiday_observed_in_the_year_before_counts() -> None:
    assert np.datetime64("2021-12-31") in find_holidays("US", None, 2021, 2021).days


@pytest.mark.parametrize(("year", "told"), [(1950, True), (2024, False)])
def test_years_without_known_holidays_are_told(year: int, told: bool) -> None:
    days = pd.date_range(f"{year}-04-28", periods=8).strftime("%Y-%m-%d").tolist()
    found = panel({"date": days, "y": list(range(8))}, add_calendar=["holidays:DE"])
    known = "'holidays:DE' is known from 1991 to 2100; other days count as ordinary ones."
    assert (known in found.warnings) == told
    assert values(found.series[0].covariates[0]) == [0, 0, 0, 0 if told else 1, *[0] * 7]


def test_the_librarys_own_warnings_stay_where_they_are() -> None:
    assert len(find_holidays("IN", None, 1990, 2040).days) > 500
