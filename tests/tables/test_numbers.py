"""Numbers in other spellings, and what is none."""

import pytest

from tests.tables.checking import DAYS, check, codes, repaired

VALUES = [float(value) for value in range(30)]
GERMAN = [f"{value},5" for value in range(28)] + ["1.234,5", "n/v"]
THOUSANDS = [f"{value:,}".replace(",", ".") for value in range(985, 1015)]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("about 5", "'about 5' is not a number"),
        ("inf", "'inf' is not a finite number"),
        (1e200, "'1e+200' is too large to be forecast"),
        ("<b>" * 50, "is not a number"),
    ],
)
def test_what_is_no_number_is_told(cell: object, told: str) -> None:
    answer = check({"date": DAYS, "y": [1, cell, *VALUES[2:]]})
    first = answer.problems[0]
    assert (first.code, first.column, first.rows, first.repairs) == (
        "not_a_number",
        "y",
        [2],
        ["empty", "drop_row"],
    )
    assert told in first.message
    assert len(first.message) < 150


def test_the_numbers_of_columns_without_a_numerical_role_do_not_matter() -> None:
    columns = {"date": DAYS, "y": VALUES, "other": [*VALUES[:29], "n/v"]}
    assert check(columns, data_definition={"y": "target"}).problems == []


@pytest.mark.parametrize(
    ("cells", "offered"),
    [
        (["1,5", "1.234,5", "12"], ["decimal_comma"]),
        (["1,234", "12", "2,345,678"], ["thousands_comma"]),
        (["1,234.5", "1,234", "7.25"], ["thousands_comma"]),
        (["1,234", "2,345", "12"], ["thousands_comma", "decimal_comma"]),
        (["1,5", "7.25", "12"], []),
        (["€ 12.50", "13", "$7"], ["thousands_comma"]),
        (["n/v", "1", "2"], []),
    ],
)
def test_numbers_in_other_spellings_are_offered_to_be_read(cells: list[str], offered: list[str]) -> None:
    columns = {"date": DAYS, "y": cells * 10}
    problem = check(columns, data_definition={"y": "target"}).problems[0]
    assert (problem.code, problem.repairs) == ("not_a_number", [*offered, "empty", "drop_row"])


def test_the_first_of_cells_at_fault_in_different_ways_is_quoted() -> None:
    problem = check({"date": DAYS, "y": [1.0, "inf", 2.0, "closed", *range(26)]}).problems[0]

    assert problem.message == "Column 'y', row 2: 'inf' is not a finite number (2 rows in all)."
    assert problem.rows == [2, 4]


def test_cells_that_are_no_numbers_are_told_as_they_stand_in_the_source() -> None:
    cells = ["1,005", "NA", None, 7, *VALUES[4:]]
    answer = check({"date": DAYS, "y": cells}, data_definition={"y": "target"})
    assert answer.head.columns["y"][:4] == ["1,005", "NA", None, "7"]
    assert [len(column) for column in answer.head.columns.values()] == [20, 20]


def test_numbers_with_a_decimal_comma_are_read_and_what_is_none_then_emptied() -> None:
    columns = {"date": DAYS, "y": GERMAN}
    assert repaired(columns, not_a_number="decimal_comma") == [at + 0.5 for at in range(28)] + [1234.5, None]


def test_numbers_with_thousands_apart_are_read() -> None:
    columns = {"date": DAYS, "y": ["1,234", "$ 2,345.5", *["7"] * 28]}
    assert repaired(columns, not_a_number="thousands_comma")[:3] == [1234, 2345.5, 7]


def test_a_spelling_asked_for_empties_cells_that_cannot_be_read_so() -> None:
    columns = {"date": DAYS, "y": [*GERMAN[:29], "7,5"], "price": [*VALUES[:29], "x"]}
    answer = check(columns, repairs={"not_a_number": "decimal_comma", "gaps": "ffill"})
    assert codes(answer) == []
    assert answer.table.columns["price"][-2:] == [28, 28]


def test_points_between_thousands_are_told_and_read_so_when_asked() -> None:
    columns = {"date": DAYS, "y": THOUSANDS}
    (told,) = check(columns).problems

    assert (told.code, told.blocking, told.count, told.rows[0]) == ("thousands", False, 15, 16)
    assert told.message == (
        "Column 'y', row 16: '1.000' is read as a number below a thousand, though the point looks like one"
        " between thousands (15 rows in all)."
    )
    assert check(columns).table.columns["y"][14:17] == [999.0, 1.0, 1.001]
    assert repaired(columns, thousands="decimal_comma") == [float(value) for value in range(985, 1015)]


@pytest.mark.parametrize("other", ["1.5", "1005", "0.999", 1.001])
def test_a_cell_that_is_written_otherwise_tells_that_points_are_decimal(other: object) -> None:
    assert check({"date": DAYS, "y": [*THOUSANDS[:-1], other]}).problems == []
    assert check({"date": DAYS, "y": [f"1.{value:03d}" for value in range(30)]}).problems == []
