import json
import math
import tracemalloc
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.core.data.formats import parse_table
from forecast.core.data.records import read_inline
from forecast.core.errors import DataError


def fault(value: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read_inline(value)
    return caught.value


def parse(text: str, name: str = "x.json") -> pd.DataFrame:
    return parse_table(text.encode(), name, 1_000_000).frame


COLUMNS = {"date": ["2024-01-01", "2024-01-02"], "y": [1.5, None], "promo": [True, False]}
RECORDS = [
    {"date": "2024-01-01", "y": 1.5, "promo": True},
    {"promo": False, "date": "2024-01-02"},
]


@pytest.mark.parametrize("value", [COLUMNS, RECORDS])
def test_columns_and_records_make_the_same_table(value: Any) -> None:
    frame = read_inline(value).frame
    assert list(frame.columns) == ["date", "y", "promo"]
    assert frame["date"].tolist() == ["2024-01-01", "2024-01-02"]
    assert frame["y"].iloc[0] == 1.5
    assert math.isnan(frame["y"].iloc[1])
    assert frame["promo"].tolist() == [True, False]


@pytest.mark.parametrize("value", [COLUMNS, RECORDS, {"data": COLUMNS}, {"data": RECORDS, "next": None}])
@pytest.mark.parametrize("name", ["x.json", "export"])
def test_a_json_file_holds_columns_or_records_or_either_under_data(value: Any, name: str) -> None:
    pd.testing.assert_frame_equal(parse(json.dumps(value), name), read_inline(COLUMNS).frame)


def test_a_column_may_be_named_data() -> None:
    assert parse('{"data": [1, 2], "y": [3, 4]}').to_dict("list") == {"data": [1, 2], "y": [3, 4]}


def test_a_path_in_json_is_data() -> None:
    assert parse('{"date": ["/etc/passwd"], "y": [1]}')["date"].tolist() == ["/etc/passwd"]
    with pytest.raises(DataError, match="not a table"):
        parse('"/etc/passwd"')


def test_columns_of_different_lengths_are_named_with_them() -> None:
    assert fault({"a": [1, 2], "b": [1]}).detail == "Data error: The columns differ in length: 'a' 2, 'b' 1."


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({}, "The table has no rows."),
        ([], "The table has no rows."),
        ([{}], "The table has no rows."),
        ({"a": []}, "The table has no rows."),
        ({"a": [1], " a": [2]}, "The table has several columns named 'a'; names must differ."),
        (
            {"a": [1], " ": [2]},
            "Every column needs a name, and column 2 of the table has none. "
            "Leave out what stands above the names, such as a title.",
        ),
        ({"\ud800": [1]}, "The name of column 1 is not valid Unicode."),
    ],
)
def test_what_is_no_table_is_told(value: Any, detail: str) -> None:
    assert fault(value).detail == f"Data error: {detail}"


@pytest.mark.parametrize(
    ("value", "column", "row", "told"),
    [
        ({"a": [1, 2], "b": [1, [2]]}, "b", 2, "is nested"),
        ([{"a": 1}, {"a": 2, "b": {"c": 1}}], "b", 2, "is nested"),
        ({"a": [1, 10**400]}, "a", 2, "is too large a number"),
        ({"a": [1, -(10**301)]}, "a", 2, "is too large a number"),
        ({"a": ["x", "\udfff"]}, "a", 2, "is not valid Unicode"),
    ],
)
def test_a_cell_that_is_no_plain_value_is_named(value: Any, column: str, row: int, told: str) -> None:
    error = fault(value)
    assert told in error.detail
    assert [(e.column, e.row) for e in error.errors] == [(column, row)]


def test_a_row_that_is_no_record_and_a_column_that_is_no_list_are_named() -> None:
    assert "Row 2 is not an object" in fault([{"a": 1}, 2]).detail
    assert "Column 'b' is not a list" in fault({"a": [1], "b": {"0": 1}}).detail


def test_records_of_ever_new_keys_are_refused_before_they_fill_the_memory() -> None:
    records = [{str(key): 1} for key in range(9000)]
    tracemalloc.start()
    detail = fault(records).detail
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert detail == "Data error: The table has 81000000 cells; the limit is 20000000."
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": [NaN]}', "has NaN, which is no number"),
        ('{"a": [-Infinity]}', "has -Infinity"),
        ('{"a": [1]', "not valid JSON: Expecting ',' delimiter in line 1"),
        ('{"a": [1],\n "b": }', "in line 2"),
        ("", "is empty"),
        ("3", "not a table"),
        ("null", "not a table"),
        ('{"a": [1], "a": [2]}', "several columns named 'a'"),
        ('[{"a": 1, "a": 2}]', "several columns named 'a'"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": [' + "9" * 5000 + "]}", "a number too long"),
        ('{"a": ["\\ud800"]}', "not valid Unicode"),
        ('{"\\ud800": [1]}', "not valid Unicode"),
        ('{"\\ud800": [1], "\\ud800": [1]}', "not valid Unicode"),
    ],
)
def test_json_that_is_no_table_is_told(text: str, told: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(text)
    assert told in caught.value.detail


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(_JSON)
def test_any_json_is_a_table_or_a_told_error(value: Any) -> None:
    try:
        assert len(parse(json.dumps(value))) >= 1
    except DataError as error:
        error.detail.encode()
