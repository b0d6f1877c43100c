import pandas as pd
import pytest

from forecast.core.errors import DataError
from forecast.core.series.dates import find_date_column, parse_dates, sift_dates


def column(*values: object) -> pd.Series:
    return pd.Series(values, name="when", dtype=object)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("2024-01-31", "2024-02-29"), ["2024-01-31T00:00:00", "2024-02-29T00:00:00"]),
        (("1949-01", "1949-02"), ["1949-01-01T00:00:00", "1949-02-01T00:00:00"]),
        (("2020", "2021"), ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]),
        ((2020, 2021), ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]),
        (("20240101", "20240102"), ["2024-01-01T00:00:00", "2024-01-02T00:00:00"]),
        (("2024Q1", "2024Q2"), ["2024-01-01T00:00:00", "2024-04-01T00:00:00"]),
        (("2024-Q4",), ["2024-10-01T00:00:00"]),
        (("2024-01-01 10:00:00", "2024-01-01 11:30:00"), ["2024-01-01T10:00:00", "2024-01-01T11:30:00"]),
        (("2024-01-01T10:00:00Z",), ["2024-01-01T10:00:00+00:00"]),
        (("2024-01-01T10:00:00+02:00",), ["2024-01-01T10:00:00+02:00"]),
        (
            ("2024-03-30T00:00:00+01:00", "2024-04-01T00:00:00+02:00"),
            ["2024-03-29T23:00:00+00:00", "2024-03-31T22:00:00+00:00"],
        ),
        (("13/02/2024", "14/02/2024"), ["2024-02-13T00:00:00", "2024-02-14T00:00:00"]),
        (("02/13/2024", "02/14/2024"), ["2024-02-13T00:00:00", "2024-02-14T00:00:00"]),
        (("31.12.2023", "01.01.2024"), ["2023-12-31T00:00:00", "2024-01-01T00:00:00"]),
        (("31.12.2023 14:00", "31.12.2023 15:00"), ["2023-12-31T14:00:00", "2023-12-31T15:00:00"]),
    ],
)
def test_dates_are_read_as_people_write_them(values: tuple[object, ...], expected: list[str]) -> None:
    assert [stamp.isoformat() for stamp in parse_dates(column(*values))] == expected


def test_day_and_month_are_told_apart_by_the_calendar_they_make() -> None:
    days = [f"01/{day:02d}/2024" for day in range(1, 13)] + ["01/13/2024"]
    assert parse_dates(column(*days))[1] == pd.Timestamp("2024-01-02")


def test_a_column_that_could_be_read_both_ways_is_an_error() -> None:
    with pytest.raises(DataError, match="day or with the month first; write them as 2024-12-31"):
        parse_dates(column("01/02/2024", "01/03/2024", "01/04/2024"))


def test_what_is_no_date_is_named_by_row() -> None:
    with pytest.raises(DataError, match="Column 'when', row 2: 'soon' is not a date") as refused:
        parse_dates(column("2024-01-01", "soon", "2024-01-03"))
    assert [(cell.column, cell.row) for cell in refused.value.errors] == [("when", 2)]


@pytest.mark.parametrize(
    "value", ["", None, "2024-02-30", "2024-13-01", "3000-01-01", "0001-01-01", "yesterday", 5, 3.7, True]
)
def test_a_cell_that_is_no_date_is_an_error(value: object) -> None:
    with pytest.raises(DataError, match="row 2"):
        parse_dates(column("2024-01-01", value))


@pytest.mark.parametrize("name", ["date", "ds", "timestamp", "Date", "DS"])
def test_the_date_column_is_known_by_its_name(name: str) -> None:
    frame = pd.DataFrame({"y": ["1"], "other": ["2024-01-01"], name: ["2024-01-01"]}, dtype=object)
    assert find_date_column(frame) == name


def test_the_only_column_of_dates_is_the_date_column() -> None:
    frame = pd.DataFrame({"y": ["1949", "1950"], "Month": ["1949-01", "1949-02"]}, dtype=object)
    assert find_date_column(frame) == "Month"


def test_two_columns_of_dates_need_a_role() -> None:
    frame = pd.DataFrame({"start": ["2024-01-01"], "end": ["2024-01-02"]}, dtype=object)
    with pytest.raises(DataError, match=r"Several columns hold dates \(start, end\)"):
        find_date_column(frame)


def test_a_table_without_dates_has_no_date_column() -> None:
    assert find_date_column(pd.DataFrame({"y": ["1", "2"], "name": ["a", "b"]}, dtype=object)) is None


def test_times_with_and_without_an_offset_are_not_mixed() -> None:
    mixed = pd.Series(["2024-01-01T00:00:00+01:00", "2024-01-01T01:00:00"], name="when")
    with pytest.raises(DataError, match="'when' has times with an offset .* such as '2024-01-01T01:00:00'"):
        parse_dates(mixed)


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        (("31.12.2024", "soon", "01.01.2025"), 2),
        (("2024Q1", "2024Q5", "2024Q3"), 2),
        (("13/01/2024", "14/01/2024", "01/15/2024"), 3),
        (("2024-01-01T00:00Z", "2024-01-02T00:00Z", "soon 10:00Z"), 3),
        (("2024-99-99T00:00Z", "2024-01-02T00:00Z", "2024-01-03T00:00Z"), 1),
    ],
)
def test_only_the_cell_that_is_no_date_is_named_whatever_the_others_look_like(
    values: tuple[object, ...], bad: int
) -> None:
    with pytest.raises(DataError, match=f"row {bad}: '.*' is not a date.$") as refused:
        parse_dates(column(*values))
    assert [cell.row for cell in refused.value.errors] == [bad]
    good = [value for place, value in enumerate(values, 1) if place != bad]
    assert sift_dates(column(*values)).dropna().equals(parse_dates(column(*good)))


def test_offsets_of_hours_differ_as_those_of_minutes_do() -> None:
    found = parse_dates(column("2024-03-30T00:00+01", "2024-04-01T00:00+02"))
    assert [stamp.isoformat() for stamp in found] == [
        "2024-03-29T23:00:00+00:00",
        "2024-03-31T22:00:00+00:00",
    ]
