import pytest

from forecast.core.errors import TooLargeError
from tests.tables.checking import DAYS, check, codes, repaired

VALUES = [float(value) for value in range(30)]


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
    assert repaired(columns, not_a_number="empty", gaps="interpolate") == VALUES


def test_rows_of_cells_that_are_no_numbers_are_left_out() -> None:
    columns = {"date": DAYS, "y": ["many", *VALUES[1:]]}
    assert repaired(columns, "date", not_a_number="drop_row") == DAYS[1:]


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
    assert repaired(columns, duplicates="sum")[-1] is None


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


def test_gaps_are_not_filled_beyond_the_largest_table() -> None:
    shops = [f"s{at}" for at in range(300)]
    columns = {
        "date": ["2000-01-01", "2020-12-30"] * 300,
        "shop": [shop for shop in shops for _ in "ab"],
        "y": [1, 2] * 300,
    }
    with pytest.raises(TooLargeError, match="cells; tables of up to 5000000 are checked"):
        check(columns, data_definition={"shop": "id", "y": "target"}, freq="D", repairs={"gaps": "zero"})
