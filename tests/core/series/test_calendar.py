import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.tseries.frequencies import to_offset

from forecast.core.errors import DataError, RequestError
from forecast.core.series.calendar import check_frequency, infer_frequency, season_length
from forecast.core.series.grid import future_index

CALENDARS = ["MS", "ME", "QE", "QS", "B", "D", "W-SUN", "W-WED", "h", "15min", "30s", "YE", "YS", "2h", "3D"]


@pytest.mark.parametrize("freq", CALENDARS)
def test_a_whole_calendar_is_recognized_and_continued(freq: str) -> None:
    stamps = pd.date_range("2019-11-03", periods=50, freq=freq)
    known, future = stamps[:38], stamps[38:]
    assert future_index(known[-1], infer_frequency(known), 12).tolist() == future.tolist()


@given(st.sampled_from(CALENDARS), st.sets(st.integers(1, 38), max_size=12))
def test_a_calendar_with_gaps_is_recognized_and_continued(freq: str, holes: set[int]) -> None:
    stamps = pd.date_range("2019-11-03", periods=52, freq=freq)
    known = stamps[:40].delete(sorted(holes - {1, 2}))
    assert future_index(known[-1], infer_frequency(known), 12).tolist() == stamps[40:].tolist()


def test_month_ends_continue_over_february() -> None:
    known = pd.DatetimeIndex(["2023-11-30", "2023-12-31", "2024-01-31"])
    assert future_index(known[-1], infer_frequency(known), 3).strftime("%m-%d").tolist() == [
        "02-29",
        "03-31",
        "04-30",
    ]


def test_business_days_skip_the_weekend() -> None:
    known = pd.bdate_range("2024-01-01", "2024-01-12")
    assert future_index(known[-1], infer_frequency(known), 2).strftime("%a").tolist() == ["Mon", "Tue"]


def test_quarter_ends_continue_as_quarter_ends() -> None:
    known = pd.DatetimeIndex(["2023-06-30", "2023-09-30", "2023-12-31"])
    assert future_index(known[-1], infer_frequency(known), 2).strftime("%m-%d").tolist() == ["03-31", "06-30"]


def test_days_in_a_zone_stay_midnights_when_the_clock_changes() -> None:
    known = pd.date_range("2024-03-25", "2024-03-30", freq="D", tz="Europe/Berlin")
    future = future_index(known[-1], infer_frequency(known), 3)
    assert [stamp.isoformat() for stamp in future] == [
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
        "2024-04-02T00:00:00+02:00",
    ]


def test_hours_in_a_zone_skip_and_repeat_with_the_clock() -> None:
    last = pd.Timestamp("2024-10-27 01:00", tz="Europe/Berlin")
    assert [stamp.isoformat() for stamp in future_index(last, "h", 3)] == [
        "2024-10-27T02:00:00+02:00",
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T03:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("stamps", "told"),
    [
        (["2024-01-01"], "single date"),
        (["2024-01-01 00:00:00", "2024-01-01 00:00:07", "2024-01-01 00:01:09"], "no regular calendar"),
        (["2024-01-01", "2024-01-02", "2024-06-01"], "no regular calendar"),
        (["1990-01-01 00:00:00", "1990-01-01 00:00:01", "2020-01-01"], "no regular calendar"),
        (["1700-01-01", "1700-01-02", "2262-01-01"], "no regular calendar"),
        (["1700-01-03", "2262-01-01"], "no regular calendar"),
        (
            ["2024-01-15", "2024-02-15", "2024-03-15", "2024-04-15"],
            "fall on day 15 .* first day of its month",
        ),
        (["2023-11-28", "2023-12-28", "2024-01-28"], "fall on day 28 .* first day of its month"),
    ],
)
def test_irregular_dates_are_an_error(stamps: list[str], told: str) -> None:
    with pytest.raises(DataError, match=told):
        infer_frequency(pd.DatetimeIndex(stamps))


@pytest.mark.parametrize(
    ("alias", "stamp", "expected"),
    [
        ("M", "2024-01-31", "ME"),
        ("M", "2024-02-01", "MS"),
        ("Q", "2024-03-31", "QE-DEC"),
        ("Y", "2024-01-01", "YS-JAN"),
        ("H", "2024-01-01", "h"),
        ("T", "2024-01-01", "min"),
        ("W", "2024-01-07", "W-SUN"),
        ("2D", "2024-01-07", "2D"),
        ("15T", "2024-01-07", "15min"),
        ("1D12H", "2024-01-07", "36h"),
        ("2M", "2024-02-01", "2MS"),
        ("ms", "2024-01-07", "ms"),
        ("MS", "2024-01-07", "MS"),
        ("w-mon", "2024-01-07", "W-MON"),
        ("BQ-feb", "2024-01-07", "BQE-FEB"),
        ("SM", "2024-01-15", "SME-15"),
    ],
)
def test_a_named_frequency_is_understood_in_old_and_new_spelling(
    alias: str, stamp: str, expected: str
) -> None:
    assert check_frequency(alias, pd.DatetimeIndex([stamp])) == expected


@pytest.mark.parametrize("alias", ["fortnightly", "sometimes", "none", "ms-15", "", "1/2", "D,D"])
def test_a_name_that_is_no_frequency_is_refused(alias: str) -> None:
    with pytest.raises(RequestError, match="no frequency"):
        check_frequency(alias, pd.DatetimeIndex(["2024-01-01"]))


_COUNTS = st.sampled_from(["", "1", "15", "0", "-1", "+2", "1.5", ".", "0.0000001", "9" * 21])
_WORDS = st.sampled_from(
    ["s", "S", "ms", "MS", "n", "t", "H", "bh", "d", "B", "C", "w", "WOM", "m", "Me", "SM", "REQ", "q", "BYS"]
)
_ANCHORS = st.sampled_from(["", "-MON", "-1mon", "-Dec", "-15", "-99", "--", "-N-DEC-MON-1"])
_NAMED = st.lists(st.tuples(_COUNTS, _WORDS, _ANCHORS).map("".join), min_size=1, max_size=2).map("".join)
_LETTERS = st.text("ABCDEHLMNQSWYabdehimnosuwy0159-+. ", max_size=8)


@given(alias=st.one_of(st.text(max_size=8), _LETTERS, _NAMED), day=st.integers(1, 28))
def test_any_text_is_a_frequency_in_todays_spelling_or_is_refused(alias: str, day: int) -> None:
    stamps = pd.DatetimeIndex([f"2024-01-{day:02}"])
    try:
        found = check_frequency(alias, stamps)
    except RequestError:
        return
    assert check_frequency(found, stamps) == found == to_offset(found).freqstr


@pytest.mark.parametrize("alias", ["-1D", "0D", "0h", "-1MS", "0MS", "0.0000000001s"])
def test_a_frequency_that_makes_no_step_forward_is_refused(alias: str) -> None:
    with pytest.raises(RequestError, match=f"'{alias}' makes no step forward; it must be positive"):
        check_frequency(alias, pd.DatetimeIndex(["2024-01-01"]))


@pytest.mark.parametrize("alias", ["99999999D", "99999999999999999D", "99999999MS"])
def test_a_frequency_of_centuries_is_refused(alias: str) -> None:
    with pytest.raises(RequestError, match="makes steps of centuries"):
        check_frequency(alias, pd.DatetimeIndex(["2024-01-01"]))


@pytest.mark.parametrize("freq", ["250ms", "ms", "20us", "100ns"])
def test_steps_below_a_second_are_recognized_with_a_gap(freq: str) -> None:
    stamps = pd.date_range("2024-01-01", periods=10, freq=freq)
    assert infer_frequency(stamps.delete(4)) == freq


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        ("24h", 7),
        ("1440min", 7),
        ("7D", 52),
        ("14D", 26),
        ("2B", 1),
        ("5B", 1),
        ("SMS", 24),
        ("SME", 24),
        ("WOM-3FRI", 12),
        ("250ms", 345_600),
        ("h", 24),
        ("15min", 96),
        ("2h", 12),
        ("D", 7),
        ("B", 5),
        ("W-SUN", 52),
        ("MS", 12),
        ("ME", 12),
        ("BME", 12),
        ("2MS", 6),
        ("QS-OCT", 4),
        ("QE-DEC", 4),
        ("YE-DEC", 1),
        ("7h", 1),
        ("2D", 1),
        ("5MS", 1),
    ],
)
def test_the_season_goes_with_the_frequency(freq: str, season: int) -> None:
    assert season_length(freq) == season
