"""Which comes first in a date, day or month."""

from pathlib import Path

import pytest

from tests.tables.checking import check, codes, read_kept


def test_days_and_months_that_cannot_be_told_apart_are_ambiguous() -> None:
    answer = check({"date": ["01/02/2024", "01/03/2024", "01/04/2024"], "y": [1, 2, 3]})
    assert codes(answer) == ["ambiguous_date", "too_short"]
    problem = answer.problems[0]
    assert (problem.code, problem.column, problem.blocking) == ("ambiguous_date", "date", True)
    assert (problem.repairs, problem.count) == (["day_first", "month_first"], 3)
    assert "write them as 2024-12-31" in problem.message


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


@pytest.mark.parametrize("mark", ["/", ".", "-"])
def test_months_of_numbers_are_dates(mark: str) -> None:
    answer = check({"Monat": [f"{at:02d}{mark}2020" for at in range(1, 7)], "y": [1, 2, 4, 3, 5, 2]})
    assert (answer.freq, answer.table.columns["Monat"][1]) == ("MS", "2020-02-01")
