import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.errors import DataError
from forecast.core.series.definition import ONLY_SERIES, Definition
from forecast.core.series.groups import group_rows, put_in_order

BY_ID = Definition(("y",), "date", "id", {})
PLAIN = Definition(("y",), "date", None, {})

Cells = list[tuple[str, int]]
CELLS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), min_size=1, unique=True)


def table(cells: Cells) -> pd.DataFrame:
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta([day for _, day in cells], unit="D")
    return pd.DataFrame({"id": [name for name, _ in cells], "date": stamps})


@given(CELLS)
def test_rows_are_grouped_by_first_appearance_and_put_in_order_of_time(cells: Cells) -> None:
    frame = table(cells)
    groups = group_rows(frame, BY_ID)
    assert list(groups) == list(dict.fromkeys(name for name, _ in cells))

    ordered = put_in_order(groups, "date", pd.DatetimeIndex(frame["date"]), np.arange(len(cells)))

    assert {name: rows.tolist() for name, rows in ordered.items()} == {
        name: sorted((at for at, cell in enumerate(cells) if cell[0] == name), key=lambda at: cells[at][1])
        for name in groups
    }


def test_a_series_may_begin_before_the_one_above_it_ends() -> None:
    frame = table([("a", 5), ("a", 6), ("b", 1), ("b", 2)])
    groups = group_rows(frame, BY_ID)
    assert put_in_order(groups, "date", pd.DatetimeIndex(frame["date"]), np.arange(4)) is groups


def test_without_a_column_of_ids_all_rows_are_one_series() -> None:
    groups = group_rows(table([("a", 2), ("b", 1)]), PLAIN)
    assert {name: rows.tolist() for name, rows in groups.items()} == {ONLY_SERIES: [0, 1]}


@given(CELLS, st.data())
def test_a_stamp_that_a_series_has_twice_is_named_by_the_rows_labels(
    cells: Cells, data: st.DataObject
) -> None:
    again = data.draw(st.integers(0, len(cells) - 1))
    frame = table([*cells, cells[again]])
    groups = group_rows(frame, BY_ID)
    with pytest.raises(DataError) as refused:
        put_in_order(groups, "date", pd.DatetimeIndex(frame["date"]), np.arange(len(frame)) + 100)
    (cell,) = refused.value.errors
    assert (cell.row, cell.message) == (101 + len(cells), f"same date as row {101 + again}")
