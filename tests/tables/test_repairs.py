from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.config import Settings
from forecast.core.data.table import Table
from forecast.core.errors import DataError, TooLargeError
from forecast.core.principal import DEFAULT_CLIENT
from forecast.tables.schemas import CheckRequest
from forecast.tables.service import check_table
from tests.conftest import KEY
from tests.tables.checking import DAYS, NOW, check, codes, read_kept

VALUES = [float(value) for value in range(30)]
GERMAN = [f"{value},5" for value in range(28)] + ["1.234,5", "n/v"]
THOUSANDS = [f"{value:,}".replace(",", ".") for value in range(985, 1015)]


def cells(columns: dict[str, Any], name: str = "y", **repairs: str) -> list[Any]:
    answer = check(columns, repairs=repairs)
    assert [one.code for one in answer.problems if one.blocking] == []
    return answer.table.columns[name]


def test_rows_without_a_date_or_a_series_are_left_out() -> None:
    columns = {
        "date": [*DAYS, "Total", *DAYS, DAYS[0]],
        "shop": [*["a"] * 31, *["b"] * 30, ""],
        "y": [*VALUES, 435, *VALUES, 7],
    }
    answer = check(columns, repairs={"not_a_date": "drop_row", "empty_id": "drop_row"})
    assert answer.problems == []
    assert answer.table.columns["shop"] == ["a"] * 30 + ["b"] * 30
    assert answer.rows == 62


def test_cells_that_are_no_numbers_are_emptied_and_the_gap_filled() -> None:
    columns = {"date": DAYS, "y": [*VALUES[:9], "many", *VALUES[10:]]}
    assert codes(check(columns, repairs={"not_a_number": "empty"})) == ["gaps"]
    assert cells(columns, not_a_number="empty", gaps="interpolate") == VALUES


def test_rows_of_cells_that_are_no_numbers_are_left_out() -> None:
    columns = {"date": DAYS, "y": ["many", *VALUES[1:]]}
    assert cells(columns, "date", not_a_number="drop_row") == DAYS[1:]


@pytest.mark.parametrize(
    ("shop", "target", "repairs"),
    [("a", "many", {"not_a_number": "drop_row"}), ("", 4, {"empty_id": "drop_row"})],
)
def test_a_row_left_out_still_tells_day_from_month(
    shop: str, target: object, repairs: dict[str, str]
) -> None:
    # Without the last row these would be three days of February, for the calendar that makes.
    dates = ["02/01/2024", "02/02/2024", "02/03/2024", "13/04/2024"]
    columns = {"date": dates, "shop": ["a", "a", "a", shop], "y": [1, 2, 3, target]}
    roles = {"date": "timestamp", "shop": "id", "y": "target"}
    answer = check(columns, data_definition=roles, freq="D", repairs=repairs)
    assert answer.table.columns["date"] == ["2024-01-02", "2024-02-02", "2024-03-02"]


def test_numbers_with_a_decimal_comma_are_read_and_what_is_none_then_emptied() -> None:
    columns = {"date": DAYS, "y": GERMAN}
    assert cells(columns, not_a_number="decimal_comma") == [at + 0.5 for at in range(28)] + [1234.5, None]


def test_numbers_with_thousands_apart_are_read() -> None:
    columns = {"date": DAYS, "y": ["1,234", "$ 2,345.5", *["7"] * 28]}
    assert cells(columns, not_a_number="thousands_comma")[:3] == [1234, 2345.5, 7]


def test_a_spelling_asked_for_empties_cells_that_cannot_be_read_so() -> None:
    columns = {"date": DAYS, "y": [*GERMAN[:29], "7,5"], "price": [*VALUES[:29], "x"]}
    answer = check(columns, repairs={"not_a_number": "decimal_comma", "gaps": "ffill"})
    assert codes(answer) == []
    assert answer.table.columns["price"][-2:] == [28, 28]


@pytest.mark.parametrize(
    ("repair", "target", "price", "kind"),
    [
        ("first", 1, 10, "x"),
        ("last", 5, 20, "z"),
        ("sum", 9, 15, "x"),
        ("mean", 3, 15, "x"),
    ],
)
def test_rows_of_one_date_are_made_one(repair: str, target: float, price: float, kind: str) -> None:
    columns = {
        "date": [DAYS[0], DAYS[0], *DAYS],
        "y": [1, 3, 5, *VALUES[1:]],
        "price": [10, None, 20, *VALUES[1:]],
        "kind": ["x", "y", "z", *["x", "y"] * 14, "x"],
    }
    answer = check(columns, repairs={"duplicates": repair})
    assert codes(answer) == []
    found = answer.table.columns
    assert (found["y"][0], found["price"][0], found["kind"][0]) == (target, price, kind)
    assert len(found["y"]) == 30


def test_the_sum_of_empty_targets_is_empty() -> None:
    columns = {"date": [*DAYS, DAYS[29]], "y": [*VALUES[:29], None, None]}
    assert cells(columns, duplicates="sum")[-1] is None


def test_rows_off_the_calendar_are_left_out() -> None:
    columns = {"date": ["2024-01-01T12:00", *DAYS], "y": [5, *VALUES]}
    answer = check(columns, freq="D", repairs={"off_calendar": "drop_row"})
    assert answer.table.columns["date"] == DAYS


@pytest.mark.parametrize(
    ("repair", "expected"),
    [("interpolate", [1, 2, 3, 4, 5]), ("ffill", [1, 2, 2, 2, 5]), ("zero", [1, 2, 0, 0, 5])],
)
def test_gaps_are_filled_as_an_inference_fills_them(repair: str, expected: list[float]) -> None:
    columns = {
        "date": [*DAYS[:3], *DAYS[4:30]],
        "shop": ["a"] * 29,
        "y": [1, 2, None, *VALUES[5:30], None],
        "price": [1, 2, 3, *VALUES[5:30], 30],
        "kind": ["u", "", *["v"] * 27],
        "size": [4] * 29,
        "note": ["n"] * 29,
    }
    given = {
        "shop": "id",
        "y": "target",
        "price": "dynamic_numerical",
        "kind": "dynamic_categorical",
        "size": "static_numerical",
    }
    answer = check(columns, data_definition=given, repairs={"gaps": repair})
    assert codes(answer) == []
    found = answer.table.columns
    assert found["date"] == DAYS
    assert found["y"][:5] == expected
    assert found["y"][29] is None
    assert found["price"][3] == {"interpolate": 4, "ffill": 3, "zero": 0}[repair]
    assert found["kind"][:5] == ["u", "u", "v", "v", "v"]
    assert found["shop"] == ["a"] * 30
    assert found["size"] == [4] * 30
    assert found["note"][2:5] == ["n", None, "n"]


def test_a_series_without_targets_is_left_out() -> None:
    columns = {"date": [*DAYS, *DAYS], "shop": ["a"] * 30 + ["b"] * 30, "y": [*[None] * 30, *VALUES]}
    answer = check(columns, repairs={"no_values": "drop_series"})
    assert [one.unique_id for one in answer.series] == ["b"]
    assert answer.table.columns["shop"] == ["b"] * 30


def test_a_table_of_which_nothing_is_left_is_no_table() -> None:
    columns = {"date": DAYS, "y": [None] * 30}
    given = {"y": "target"}
    answer = check(columns, data_definition=given, repairs={"no_values": "drop_series"})
    assert [(one.code, one.message) for one in answer.problems] == [
        ("no_values", "No row of the table is left to forecast from.")
    ]


def test_a_holdout_empties_the_last_known_targets_and_nothing_else() -> None:
    columns = {
        "date": [*DAYS, *DAYS[:20]],
        "shop": ["a"] * 30 + ["b"] * 20,
        "y": [*VALUES[:28], None, None, *VALUES[:20]],
        "price": [1, 2] * 25,
    }
    answer = check(columns, holdout=5)
    assert answer.table.columns["y"] == [*VALUES[:23], *[None] * 7, *VALUES[:15], *[None] * 5]
    assert answer.table.columns["price"] == [1, 2] * 25
    assert [(one.end, one.future_steps) for one in answer.series] == [("2024-01-23", 7), ("2024-01-15", 5)]


@pytest.mark.parametrize(
    ("repair", "filled"), [("interpolate", [12, 12]), ("ffill", [12, 12]), ("zero", [0, 0])]
)
def test_a_gap_across_the_cut_tells_nothing_of_what_is_held_back(repair: str, filled: list[float]) -> None:
    values = [10, 14, None, 12, *range(13, 23), 12, None, None, None, 24, 25]
    columns = {"date": DAYS[: len(values)], "y": values}

    told = check(columns, holdout=3, repairs={"gaps": repair}).table.columns["y"]

    assert told[14:] == [12, *filled, None, None, None]
    assert told[:4] == [10, 14, {"interpolate": 13, "ffill": 14, "zero": 0}[repair], 12]


def test_a_holdout_that_leaves_a_series_nothing_is_told() -> None:
    columns = {"date": [*DAYS, *DAYS[:20]], "shop": ["a"] * 30 + ["b"] * 20, "y": [*VALUES, *VALUES[:20]]}
    (problem,) = check(columns, holdout=20).problems
    assert (problem.code, problem.blocking, problem.rows) == ("no_values", True, [31])
    assert "1 series has no more than 20 targets: 'b'." in problem.message
    kept = check(columns, holdout=20, repairs={"no_values": "drop_series"})
    assert [one.unique_id for one in kept.series] == ["a"]


def test_the_kept_table_is_plain_and_in_order(tmp_path: Path) -> None:
    columns = {
        "Datum": ["02.01.2024", "01.01.2024", "31.01.2024"][:2]
        + [f"{at:02d}.01.2024" for at in range(3, 31)],
        "y": [2.5, 1, *VALUES[2:]],
        "kind, or; so": ["a;b,c", 'say "x"', *["a|b\tc", "line\nbreak"] * 14],
    }
    answer = check(columns, tmp_path, data_definition={"y": "target", "kind, or; so": "dynamic_categorical"})
    assert answer.path is not None
    text = (tmp_path / answer.path.removeprefix("data/")).read_text()
    assert "2024-01-01" in text.splitlines()[1]
    (series,) = read_kept(answer, tmp_path).series
    assert series.target[:2].tolist() == [1, 2.5]
    (covariate,) = series.covariates
    assert covariate.past.tolist() == ['say "x"', "a;b,c", *["a|b\tc", "line\nbreak"] * 14]


@pytest.mark.parametrize(
    "dates",
    [
        [f"2024-01-01T{hour:02d}:00:00.5" for hour in range(24)],
        [f"2024-01-01T{hour:02d}:00:00+02:00" for hour in range(24)],
        [f"2024-03-{30 + at // 24}T{at % 24:02d}:00:00+0{1 + (at > 25)}:00" for at in range(26)],
        [f"{year}Q{quarter}" for year in range(2000, 2006) for quarter in range(1, 5)],
    ],
)
def test_dates_are_kept_as_exact_as_they_are(tmp_path: Path, dates: list[str]) -> None:
    answer = check({"ds": dates, "y": list(range(len(dates)))}, tmp_path)
    (series,) = read_kept(answer, tmp_path).series
    assert [answer.series[0].start, answer.series[0].end] == [
        answer.table.columns["ds"][0],
        answer.table.columns["ds"][-1],
    ]
    np.testing.assert_array_equal(series.target, np.arange(len(dates)))


def test_gaps_are_not_filled_beyond_the_largest_table() -> None:
    shops = [f"s{at}" for at in range(300)]
    columns = {
        "date": ["2000-01-01", "2020-12-30"] * 300,
        "shop": [shop for shop in shops for _ in "ab"],
        "y": [1, 2] * 300,
    }
    with pytest.raises(TooLargeError, match="cells; tables of up to 5000000 are checked"):
        check(columns, data_definition={"shop": "id", "y": "target"}, freq="D", repairs={"gaps": "zero"})


@pytest.mark.parametrize(("freq", "steps"), [("D", 60), ("h", 60 * 24), ("6h", 240), ("MS", 12)])
def test_dates_in_a_zone_are_kept_over_the_change_of_its_clock(tmp_path: Path, freq: str, steps: int) -> None:
    stamps = pd.date_range("2024-03-01", periods=steps, freq=freq, tz="Europe/Berlin")
    table = Table(pd.DataFrame({"ds": stamps, "y": np.arange(steps)}))
    settings = Settings(api_secret_key=KEY, data_dir=tmp_path)
    request = CheckRequest(data={"y": []})
    answer = check_table(table, request, NOW, settings, DEFAULT_CLIENT)
    (series,) = read_kept(answer, tmp_path).series
    assert (answer.freq, len(series.index)) == (freq, steps)
    assert answer.series[0].missing_steps == 0


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("note", "one\rtwo", "characters that CSV cannot hold"),
        ("a\0note", "one", "characters that CSV cannot hold"),
        ("note", "\0", "Column 'note', row 1: '\0' has a NUL character"),
    ],
)
def test_a_text_that_csv_cannot_hold_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        check({"date": DAYS, "y": VALUES, name: [text] * 30}, tmp_path)
    assert not (tmp_path / "uploads").exists()


def test_points_between_thousands_are_told_and_read_so_when_asked() -> None:
    columns = {"date": DAYS, "y": THOUSANDS}
    (told,) = check(columns).problems

    assert (told.code, told.blocking, told.count, told.rows[0]) == ("thousands", False, 15, 16)
    assert told.message == (
        "Column 'y', row 16: '1.000' is read as a number below a thousand, though the point looks like one"
        " between thousands (15 rows in all)."
    )
    assert check(columns).table.columns["y"][14:17] == [999.0, 1.0, 1.001]
    assert cells(columns, thousands="decimal_comma") == [float(value) for value in range(985, 1015)]


@pytest.mark.parametrize("other", ["1.5", "1005", "0.999", 1.001])
def test_a_cell_that_is_written_otherwise_tells_that_points_are_decimal(other: object) -> None:
    assert check({"date": DAYS, "y": [*THOUSANDS[:-1], other]}).problems == []
    assert check({"date": DAYS, "y": [f"1.{value:03d}" for value in range(30)]}).problems == []


@pytest.mark.parametrize(
    ("repair", "first", "freq"), [("day_first", "2024-02-01", "MS"), ("month_first", "2024-01-02", "D")]
)
def test_the_order_of_day_and_month_is_as_asked(repair: str, first: str, freq: str, tmp_path: Path) -> None:
    columns = {"date": ["01/02/2024", "01/03/2024", "01/04/2024"], "y": [1.0, 2.0, 4.0]}
    roles = {"date": "timestamp", "y": "target"}
    answer = check(
        columns,
        tmp_path,
        data_definition=roles,
        freq=freq,
        repairs={"ambiguous_date": repair, "gaps": "ffill"},
    )
    assert not [one for one in answer.problems if one.blocking]
    assert answer.table.columns["date"][0] == first
    assert str(read_kept(answer, tmp_path).series[0].index[0].date()) == first


def test_times_with_and_without_an_offset_have_no_order_to_choose() -> None:
    columns = {"date": ["2024-01-01T00:00Z", "2024-01-02T00:00", "2024-01-03T00:00Z"], "y": [1, 2, 3]}
    (problem,) = check(columns, data_definition={"date": "timestamp", "y": "target"}).problems
    assert (problem.code, problem.repairs) == ("ambiguous_date", [])


def test_months_as_spreadsheets_show_them_are_kept_as_iso_dates(tmp_path: Path) -> None:
    months = [f"{name} 19" for name in ("Jan", "Feb", "Mrz", "Apr", "Mai", "Jun")]
    answer = check({"Monat": months, "y": [1, 2, 4, 3, 5, 2]}, tmp_path)
    assert answer.table.columns["Monat"][:3] == ["2019-01-01", "2019-02-01", "2019-03-01"]
    assert (answer.freq, answer.data_definition["Monat"]) == ("MS", "timestamp")
    assert read_kept(answer, tmp_path).series[0].target.tolist() == [1, 2, 4, 3, 5, 2]


@pytest.mark.parametrize("mark", ["/", ".", "-"])
def test_months_of_numbers_are_dates(mark: str) -> None:
    answer = check({"Monat": [f"{at:02d}{mark}2020" for at in range(1, 7)], "y": [1, 2, 4, 3, 5, 2]})
    assert (answer.freq, answer.table.columns["Monat"][1]) == ("MS", "2020-02-01")
