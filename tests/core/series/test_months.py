import pandas as pd
import pytest

from forecast.core.errors import DataError
from forecast.core.series.dates import find_date_column, parse_dates, sift_dates


def column(*values: str) -> pd.Series:
    return pd.Series(values, dtype=object, name="date")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Jan 2019", "2019-01-01"),
        ("january 2019", "2019-01-01"),
        ("Jänner 2019", "2019-01-01"),
        ("Mrz. 2019", "2019-03-01"),
        ("März 2019", "2019-03-01"),
        ("MAI-2019", "2019-05-01"),
        ("Sept. 2019", "2019-09-01"),
        ("Okt/2019", "2019-10-01"),
        ("Dez2019", "2019-12-01"),
        ("31. Jan 2024", "2024-01-31"),
        ("31 January 2024", "2024-01-31"),
        ("3.Dezember 2024", "2024-12-03"),
        ("Jan 31, 2024", "2024-01-31"),
        ("31-Jan-24", "2024-01-31"),
        ("31-Jan-30", "1930-01-31"),
        ("01/2020", "2020-01-01"),
        ("1.2020", "2020-01-01"),
        ("12-2020", "2020-12-01"),
    ],
)
def test_a_date_as_a_spreadsheet_shows_it_is_read(text: str, date: str) -> None:
    assert [str(stamp.date()) for stamp in parse_dates(column(text))] == [date]


def test_months_of_two_digits_are_those_of_years_where_they_are_in_order() -> None:
    rising = ("Nov 18", "Dec 18", "Jan 19", "Feb 19")
    assert str(parse_dates(column(*rising))[0].date()) == "2018-11-01"
    assert str(parse_dates(column(*rising[::-1]))[0].date()) == "2019-02-01"


@pytest.mark.parametrize("days", [("Jan 01", "Jan 02", "Jan 03"), ("Jan 30", "Jan 31", "Feb 01", "Feb 02")])
def test_days_without_a_year_are_no_dates(days: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="is not a date"):
        parse_dates(column(*days))


@pytest.mark.parametrize("text", ["31. Feb 2024", "Janus 2024", "13/2020", "May", "Mai 5 Stück", "1/1820"])
def test_what_only_looks_like_a_month_is_no_date(text: str) -> None:
    assert sift_dates(column("Jan 2024", text)).isna().tolist() == [False, True]


def test_a_column_of_months_is_found() -> None:
    frame = pd.DataFrame({"y": ["1", "2"], "when": ["Jan 2024", "Feb 2024"]}, dtype=object)
    assert find_date_column(frame) == "when"


def test_day_and_month_are_read_in_the_order_given() -> None:
    dates = column("01/02/2024 10:00", "01/03/2024 10:00")
    assert str(sift_dates(dates, "day_first")[0]) == "2024-02-01 10:00:00"
    assert str(sift_dates(dates, "month_first")[0]) == "2024-01-02 10:00:00"
