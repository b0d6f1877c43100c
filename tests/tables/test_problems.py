from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.errors import DataError, RequestError
from tests.tables.checking import DAYS, check, codes, only

VALUES = list(range(30))


def test_a_sound_table_has_no_problem() -> None:
    answer = check({"date": DAYS, "y": VALUES})
    assert answer.problems == []
    assert (answer.freq, answer.season_length, answer.series_count, answer.rows) == ("D", 7, 1, 30)
    (series,) = answer.series
    assert series.model_dump() == {
        "unique_id": "series_0",
        "steps": 30,
        "start": "2024-01-01",
        "end": "2024-01-30",
        "future_steps": 0,
        "missing_steps": 0,
        "empty_targets": 0,
    }


def test_all_problems_are_told_at_once_with_their_rows() -> None:
    columns: dict[str, list[Any]] = {"date": [*DAYS], "shop": ["a"] * 30, "y": [*VALUES]}
    columns["date"][2] = "soon"
    columns["shop"][4] = ""
    columns["y"][6] = "many"
    columns["date"][9] = columns["date"][8]
    columns["y"][20] = None
    answer = check(columns, data_definition={"date": "timestamp", "shop": "id", "y": "target"})
    told = {(one.code, one.column): one.rows for one in answer.problems}
    assert told == {
        ("not_a_date", "date"): [3],
        ("empty_id", "shop"): [5],
        ("not_a_number", "y"): [7],
        ("duplicates", "date"): [10],
        ("gaps", "date"): [2, 4, 10],
        ("gaps", "y"): [7, 21],
    }
    assert all(one.blocking for one in answer.problems)
    assert answer.path is None


def test_at_most_twenty_rows_are_listed_and_all_counted() -> None:
    problem = only(
        check({"date": [*DAYS, *["x"] * 25], "y": list(range(55))}, data_definition={"y": "target"})
    )
    assert (problem.rows, problem.count) == (list(range(31, 51)), 25)
    assert problem.message == "Column 'date', row 31: the cell 'x' is not a date (25 rows in all)."


def test_an_empty_date_is_called_empty() -> None:
    assert only(check({"date": [*DAYS, ""], "y": list(range(31))})).message == (
        "Column 'date', row 31: the cell is empty."
    )


@pytest.mark.parametrize("dates", [["x"] * 3, list(range(1_700_000_000, 1_700_000_003))])
def test_a_column_of_no_dates_is_told_and_the_table_shown_as_it_stands(dates: list[Any]) -> None:
    answer = check({"date": dates, "y": [3, 1, 2]})
    assert codes(answer) == ["no_date"]
    assert answer.table.columns["y"] == [3, 1, 2]
    assert (answer.series, answer.freq) == ([], None)


def test_a_table_without_dates_or_numbers_says_so() -> None:
    answer = check({"name": ["a", "b", "a"]})
    assert codes(answer) == ["no_target", "no_date"]
    assert answer.table.columns == {"name": ["a", "b", "a"]}


def test_without_a_target_the_calendar_is_still_told() -> None:
    answer = check({"date": DAYS, "kind": ["a", "b", "c"] * 10})
    assert codes(answer) == ["no_target"]
    assert answer.freq == "D"
    assert answer.series[0].model_dump(include={"steps", "start", "end"}) == {
        "steps": 0,
        "start": None,
        "end": None,
    }


@pytest.mark.parametrize(("values", "best"), [((5, 5), "first"), ((5, 6), "last")])
def test_copies_are_made_one_and_of_corrections_the_last_is_kept(values: tuple[int, int], best: str) -> None:
    problem = only(check({"date": [*DAYS, DAYS[0]], "y": [values[0], *VALUES[1:], values[1]]}))
    assert (problem.code, problem.rows, problem.count) == ("duplicates", [31], 1)
    assert problem.repairs[0] == best
    assert sorted(problem.repairs) == ["first", "last", "mean", "sum"]
    assert problem.message.startswith("Rows 1 and 31 have the same date 2024-01-01 (1 row too many in all).")


def test_many_rows_of_a_date_are_parts_of_a_sum() -> None:
    problem = check({"date": [*DAYS, *DAYS], "y": [*VALUES, *VALUES[::-1]]}).problems[0]
    assert problem.repairs[0] == "sum"


def test_dates_that_follow_no_calendar_are_told() -> None:
    problem = check(
        {"date": ["2024-01-01", "2024-01-02", "2024-03-09", "2025-01-01"], "y": [1, 2, 3, 4]}
    ).problems[0]
    assert (problem.code, problem.repairs) == ("unknown_freq", [])
    assert "follow no regular calendar" in problem.message


def test_a_frequency_too_fine_for_the_dates_is_told() -> None:
    problem = check({"date": DAYS, "y": VALUES}, freq="s").problems[0]
    assert problem.code == "unknown_freq"
    assert "about 2505601 steps" in problem.message


def test_rows_off_the_calendar_of_their_series_are_told() -> None:
    odd = [*DAYS[:10], "2024-01-11T08:00", *DAYS[11:]]
    answer = check({"date": odd, "y": VALUES}, freq="D")
    assert [(one.code, one.rows) for one in answer.problems] == [("off_calendar", [11]), ("gaps", [10])]
    assert answer.problems[0].message.startswith(
        "Row 11: 2024-01-11 08:00:00 does not lie on the calendar 'D'"
    )


def test_gaps_are_counted_for_each_series() -> None:
    days = DAYS[:3] + DAYS[5:]
    columns = {
        "date": [*DAYS, *days],
        "shop": ["a"] * 30 + ["b"] * 28,
        "y": [None, 1, None, *VALUES[3:], *VALUES[:10], None, *VALUES[11:28]],
    }
    answer = check(columns)
    assert [(one.unique_id, one.missing_steps, one.empty_targets, one.steps) for one in answer.series] == [
        ("a", 0, 1, 29),
        ("b", 2, 1, 30),
    ]
    rows, cells = answer.problems
    assert (rows.code, rows.column, rows.rows, rows.count) == ("gaps", "date", [33], 2)
    assert rows.message == (
        "2 steps of the calendar 'D' have no row, the first after 2024-01-03, in 1 series, most of them (2)"
        " in 'b'."
    )
    assert (cells.code, cells.column, cells.rows, cells.count) == ("gaps", "y", [3, 41], 2)


def test_what_is_empty_before_the_first_and_after_the_last_target_is_no_gap() -> None:
    answer = check({"date": DAYS, "y": [None, None, *VALUES[2:25], *[None] * 5]})
    assert answer.problems == []
    assert answer.series[0].model_dump(include={"start", "end", "steps", "future_steps"}) == {
        "start": "2024-01-03",
        "end": "2024-01-25",
        "steps": 23,
        "future_steps": 5,
    }


def test_empty_covariates_are_gaps_and_wholly_empty_ones_have_no_values() -> None:
    columns = {"date": DAYS, "y": VALUES, "p": [1, None, *VALUES[2:]], "q": [None] * 30}
    given = {"y": "target", "p": "dynamic_numerical", "q": "dynamic_categorical"}
    told = [(one.code, one.column, one.repairs) for one in check(columns, data_definition=given).problems]
    assert told == [("no_values", "q", []), ("gaps", "p", ["interpolate", "ffill", "zero"])]


def test_a_static_covariate_that_varies_is_told() -> None:
    columns = {"date": DAYS, "y": VALUES, "p": [1] * 29 + [2]}
    problem = only(check(columns, data_definition={"y": "target", "p": "static_numerical"}))
    assert (problem.code, problem.rows, problem.blocking) == ("static_varies", [30], True)


def test_a_series_without_a_target_is_told() -> None:
    columns = {"date": [*DAYS, *DAYS], "shop": ["a"] * 30 + ["b"] * 30, "y": [*VALUES, *[None] * 30]}
    problem = only(check(columns))
    assert (problem.code, problem.rows, problem.repairs) == ("no_values", [31], ["drop_series"])
    assert "'b'" in problem.message


def test_an_unknown_column_and_a_repeated_role_are_faults_of_the_request() -> None:
    with pytest.raises(DataError, match="no column 'z'"):
        check({"date": DAYS, "y": VALUES}, data_definition={"z": "target"})
    with pytest.raises(RequestError, match="role 'target' to several columns: date, y"):
        check({"date": DAYS, "y": VALUES}, data_definition={"date": "target", "y": "target"})
    with pytest.raises(RequestError, match="'often' is no frequency"):
        check({"date": DAYS, "y": VALUES}, freq="often")


def test_a_large_table_with_gaps_is_checked_whole() -> None:
    frame = pd.DataFrame(
        {
            "date": np.tile(pd.date_range("2024-01-01", periods=100).strftime("%Y-%m-%d"), 500),
            "store": np.repeat([f"S{at}" for at in range(500)], 100),
            "sales": np.arange(50_000) % 97,
        }
    )
    frame = frame.drop(index=list(range(50, 50_000, 100))).astype(object)
    answer = check({str(name): list(frame[name]) for name in frame}, repairs={"gaps": "ffill"})
    assert answer.problems == []
    assert (answer.series_count, len(answer.table.columns["sales"])) == (500, 50_000)
    assert {one.steps for one in answer.series} == {100}


def test_what_a_repair_settled_is_told_with_its_column_and_count() -> None:
    columns = {"date": [*DAYS[:5], *DAYS[7:]], "y": [1, None, None, *VALUES[5:]]}
    answer = check(columns, repairs={"gaps": "ffill"})
    assert answer.problems == []
    told = [(one.code, one.column, one.count, one.blocking) for one in answer.settled]
    assert told == [("gaps", "date", 2, False), ("gaps", "y", 2, False)]
    assert check(columns).settled == []
