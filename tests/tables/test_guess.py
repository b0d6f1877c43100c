from typing import Any

import pytest

from tests.tables.checking import DAYS, check

TWO_SHOPS: dict[str, list[Any]] = {
    "date": [*DAYS, *DAYS],
    "shop": ["a"] * 30 + ["b"] * 30,
    "y": list(range(60)),
}


def roles(columns: dict[str, Any]) -> dict[str, str]:
    answer = check(columns)
    assert all(column.guessed for column in answer.columns)
    found: dict[str, str] = dict(answer.data_definition)
    assert {column.name: column.role for column in answer.columns if column.role} == found
    return found


@pytest.mark.parametrize(
    ("name", "dates"),
    [
        ("Datum", [f"{day:02d}.01.2024" for day in range(1, 31)]),
        ("anything", DAYS),
        ("month", [f"{2020 + at // 12}-{at % 12 + 1:02d}" for at in range(30)]),
        ("Quarter", [f"{2010 + at // 4}Q{at % 4 + 1}" for at in range(30)]),
        ("week", [f"2024/01/{day:02d}" for day in range(1, 31)]),
        ("Year", list(range(1990, 2020))),
        ("day", [20240100 + day for day in range(1, 31)]),
        ("timestamp", [f"2024-01-0{at // 24 + 1}T{at % 24:02d}:00:00Z" for at in range(30)]),
    ],
)
def test_dates_are_found_by_name_and_content(name: str, dates: list[Any]) -> None:
    assert roles({"note": ["x"] * 30, name: dates, "count": list(range(5, 35))}) == {
        name: "timestamp",
        "count": "target",
    }


def test_dates_with_a_fault_among_them_are_still_found() -> None:
    answer = check({"when": [*DAYS[:29], "Total"], "y": list(range(30))})
    assert answer.data_definition == {"when": "timestamp", "y": "target"}
    assert [(problem.code, problem.rows) for problem in answer.problems] == [("not_a_date", [30])]


def test_of_two_columns_of_dates_the_better_named_one_counts() -> None:
    columns = {"created": DAYS, "order_date": DAYS, "y": list(range(30))}
    assert roles(columns) == {"order_date": "timestamp", "y": "target"}


def test_counts_that_could_be_years_are_no_dates() -> None:
    assert roles({"ds": DAYS, "visits": list(range(2000, 2030))}) == {"ds": "timestamp", "visits": "target"}


def test_the_column_that_tells_the_repeated_dates_apart_is_the_id() -> None:
    assert roles(TWO_SHOPS) == {"date": "timestamp", "shop": "id", "y": "target"}


def test_of_several_such_columns_the_best_named_one_is_the_id() -> None:
    columns = {"land": ["n"] * 30 + ["s"] * 30, "size": [7] * 30 + [9] * 30} | TWO_SHOPS
    assert roles(columns) == {
        "land": "static_categorical",
        "size": "static_numerical",
        "date": "timestamp",
        "shop": "id",
        "y": "target",
    }


def test_an_id_is_found_among_numbers_and_under_any_name() -> None:
    columns = {"date": [*DAYS, *DAYS], "kiosk": [1] * 30 + [2] * 30, "y": list(range(60))}
    assert roles(columns)["kiosk"] == "id"


def test_a_duplicated_row_hides_no_id() -> None:
    columns = {name: [*cells, cells[0]] for name, cells in TWO_SHOPS.items()}
    assert roles(columns)["shop"] == "id"


def test_measured_values_and_flags_are_no_id() -> None:
    columns = {"date": [*DAYS, *DAYS], "price": [f"{3 + at % 20}.5" for at in range(60)], "open": [1, 0] * 30}
    found = roles(columns)
    assert "id" not in found.values()
    assert [problem.code for problem in check(columns).problems][:1] == ["duplicates"]


def test_one_series_that_names_itself_has_an_id() -> None:
    assert roles({"unique_id": ["H1"] * 30, "ds": DAYS, "y": list(range(30))})["unique_id"] == "id"


def test_a_column_that_numbers_the_rows_is_of_no_use() -> None:
    assert roles({"id": list(range(30)), "ds": DAYS, "load": list(range(5, 35))}) == {
        "ds": "timestamp",
        "load": "target",
    }


@pytest.mark.parametrize("name", ["y", "Target", "total_sales", "SalesValue", "Umsatz", "demand (kWh)"])
def test_a_target_is_found_by_name(name: str) -> None:
    assert roles({"date": DAYS, name: list(range(30)), "weight": [5.5, 7] * 15})[name] == "target"


def test_sales_are_rather_the_target_than_prices() -> None:
    columns = {"date": DAYS, "price": [4, 5] * 15, "sales": list(range(30))}
    assert roles(columns) == {"date": "timestamp", "price": "dynamic_numerical", "sales": "target"}


def test_else_the_last_number_that_is_no_flag_and_no_part_of_the_date_is_the_target() -> None:
    columns = {
        "date": DAYS,
        "speed": [5.5, 6] * 15,
        "flow": list(range(30)),
        "promo": [0, 1] * 15,
        "weekday": [at % 7 for at in range(30)],
    }
    found = roles(columns)
    assert found["flow"] == "target"
    assert found["promo"] == found["weekday"] == found["speed"] == "dynamic_numerical"


def test_what_tells_nothing_has_no_role() -> None:
    columns = {
        "date": DAYS,
        "y": list(range(30)),
        "comment": [f"note {at}" for at in range(30)],
        "currency": ["EUR"] * 30,
        "sparse": [None] * 20 + list(range(10)),
        "same": list(range(30)),
        "kind": ["a", "b"] * 15,
    }
    assert roles(columns) == {"date": "timestamp", "y": "target", "kind": "dynamic_categorical"}


def test_a_covariate_is_no_copy_of_the_target_only_because_each_value_is_new() -> None:
    columns = {"date": DAYS, "y": list(range(30)), "flow": [at**2 for at in range(30)]}
    assert roles(columns)["flow"] == "dynamic_numerical"


def test_the_unknown_future_of_a_covariate_does_not_count_as_missing() -> None:
    columns = {"date": DAYS, "y": [*range(20), *[None] * 10], "price": [*[4, 5] * 10, *[None] * 10]}
    assert roles(columns)["price"] == "dynamic_numerical"


def test_names_are_only_text() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    answer = check({"date": DAYS, hostile: list(range(30)), "=1+1": ["a", "b"] * 15})
    assert answer.data_definition == {
        "date": "timestamp",
        hostile: "target",
        "=1+1": "dynamic_categorical",
    }


def test_given_roles_are_taken_as_they_are_and_only_dates_are_found() -> None:
    answer = check(TWO_SHOPS, data_definition={"y": "target", "shop": "id"})
    assert answer.data_definition == {"date": "timestamp", "y": "target", "shop": "id"}
    assert [(column.name, column.guessed) for column in answer.columns] == [
        ("date", True),
        ("shop", False),
        ("y", False),
    ]


def test_columns_are_described_as_the_source_has_them() -> None:
    answer = check({"ds": DAYS, "y": ["1", "", *["2"] * 28], "kind": ["a", None, *"b" * 28]})
    assert [(one.name, one.kind, one.missing, one.distinct) for one in answer.columns] == [
        ("ds", "date", 0, 30),
        ("y", "numerical", 1, 2),
        ("kind", "categorical", 1, 2),
    ]
