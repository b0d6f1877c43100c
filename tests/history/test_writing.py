import numpy as np
import pandas as pd
import pytest

from forecast.core.errors import DataError
from forecast.history import placing
from tests.history.conftest import DEMAND, ME, OTHER, Store


def table(item: str, dates: list[str], **columns: list[object]) -> dict[str, list[object]]:
    return {"item_id": [item] * len(dates), "timestamp": list(dates), **columns}


def test_the_demand_table_loads_as_it_is(store: Store) -> None:
    done = store.put(DEMAND)
    assert (done.inserted, done.updated, done.unchanged) == (5, 0, 0)
    assert (done.items, done.new_items) == (2, 2)
    assert [str(stamp.date()) for stamp in done.ends] == ["2024-03-01", "2024-03-04"]
    assert done.covariates == dict.fromkeys(list(DEMAND)[3:], "dynamic_numerical")
    frame = store.read()
    assert frame["item_id"].tolist() == DEMAND["item_id"]
    assert frame["value"].tolist()[:4] == [12, 7, 9, 3]
    assert np.isnan(frame["value"].iloc[4])
    assert frame["price"].tolist() == DEMAND["price"]


def test_a_day_that_is_missing_stays_missing(store: Store) -> None:
    store.put(DEMAND)
    first = store.read().query("item_id == 'A-1'")
    assert [day.day for day in first["timestamp"]] == [1, 2, 4]


def test_the_same_table_again_changes_nothing(store: Store) -> None:
    store.put(DEMAND)
    before = store.read()
    done = store.put(DEMAND)
    assert (done.inserted, done.updated, done.unchanged, done.new_items) == (0, 0, 5, 0)
    pd.testing.assert_frame_equal(store.read(), before)


def test_what_is_sent_replaces_and_what_is_not_sent_stays(store: Store) -> None:
    store.put(table("a", ["2024-01-01", "2024-01-02"], value=[1, 2], price=[5, 6], kind=["x", "y"]))
    done = store.put(table("a", ["2024-01-02", "2024-01-03"], value=[20, 30], price=[None, 7]))
    assert (done.inserted, done.updated) == (1, 1)
    frame = store.read()
    assert frame["value"].tolist() == [1, 20, 30]
    assert frame["price"].tolist()[::2] == [5, 7]
    assert np.isnan(frame["price"].iloc[1])
    assert frame["kind"].tolist()[:2] == ["x", "y"]
    assert frame["kind"].isna().tolist() == [False, False, True]


def test_covariates_alone_leave_the_values_and_plan_what_is_to_come(store: Store) -> None:
    store.put(table("a", ["2024-01-01"], value=[1], promo=[0]))
    done = store.put(table("a", ["2024-01-01", "2024-01-02"], promo=[1, 1]))
    assert (done.inserted, done.updated) == (1, 1)
    frame = store.read()
    assert frame["promo"].tolist() == [1, 1]
    assert frame["value"].iloc[0] == 1
    assert np.isnan(frame["value"].iloc[1])


def test_a_covariate_that_comes_later_is_empty_before(store: Store) -> None:
    store.put(table("a", ["2024-01-01"], value=[1], promo=[0.0]))
    store.put(table("a", ["2024-01-02"], value=[2], price=[0.0]))
    frame = store.read()
    assert np.isnan(frame["price"].iloc[0])
    assert frame["price"].iloc[1] == 0
    assert frame["promo"].iloc[0] == 0
    assert np.isnan(frame["promo"].iloc[1])


def test_rows_before_between_and_after_those_that_are_there_find_their_place(store: Store) -> None:
    store.put(table("a", ["2024-01-03", "2024-01-07"], value=[3, 7]))
    done = store.put(table("a", ["2024-01-01", "2024-01-05", "2024-01-09"], value=[1, 5, 9]))
    assert (done.inserted, done.updated) == (3, 0)
    assert store.read()["value"].tolist() == [1, 3, 5, 7, 9]


def test_many_items_that_are_there_are_read_in_groups(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "_AT_ONCE", 4)
    days = ["2024-01-01", "2024-01-02", "2024-01-03"]
    names = [f"i{number}" for number in range(7)]
    for factor in (1, 2):
        records = [
            {"item_id": name, "timestamp": day, "value": factor * (10 * at + row)}
            for at, name in enumerate(names)
            for row, day in enumerate(days, 1)
        ]
        done = store.put(records)
    assert (done.inserted, done.updated) == (0, 21)
    assert store.read()["value"].tolist() == [2 * (10 * at + row) for at in range(7) for row in (1, 2, 3)]


def test_two_rows_of_one_item_and_stamp_are_refused_by_name(store: Store) -> None:
    bad = table("a", ["2024-01-01", "2024-01-02", "2024-01-01"], value=[1, 2, 3])
    with pytest.raises(DataError, match="Rows 1 and 3 both are of item 'a' at 2024-01-01") as caught:
        store.put(bad)
    assert [(one.column, one.row) for one in caught.value.errors] == [("timestamp", 3)]


@pytest.mark.parametrize(
    ("column", "cells", "told"),
    [
        ("value", [1, "much"], "Column 'value', row 2: 'much' is not a number"),
        ("value", [1, float("inf")], "Column 'value', row 2: 'inf' is not a finite number"),
        ("timestamp", ["2024-01-01", "soon"], "Column 'timestamp', row 2: 'soon' is not a date"),
        ("timestamp", ["2024-01-01", None], "Column 'timestamp', row 2"),
        ("timestamp", ["2024-01-01", "2300-01-01"], "Column 'timestamp', row 2"),
        ("item_id", ["a", None], "Column 'item_id', row 2: the item has an empty id"),
        ("item_id", ["a", "x" * 201], "row 2: the item has an id of more than 200 characters"),
        ("item_id", ["a", "b\0"], "row 2: 'b\0' has a NUL character"),
        ("promo", [1, "yes"], "Column 'promo', row 2: 'yes' is not a number"),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_written(
    store: Store, column: str, cells: list[object], told: str
) -> None:
    store.put(table("old", ["2024-01-01"], value=[1], promo=[1]))
    before = store.read()
    sent = table("new", ["2024-01-01", "2024-01-02"], value=[1, 2], promo=[1, 1])
    with pytest.raises(DataError) as caught:
        store.put(sent | {column: cells})
    assert told in str(caught.value)
    pd.testing.assert_frame_equal(store.read(), before)


def test_a_failure_in_the_middle_of_writing_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(DEMAND)
    before = store.read()

    def fail(*_: object) -> object:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(placing, "_merge", fail)
    with pytest.raises(RuntimeError):
        store.put(table("A-1", ["2024-03-02"], value=[1], new=["x"]))
    pd.testing.assert_frame_equal(store.read(), before)


def test_stamps_with_and_without_an_offset_do_not_mix(store: Store) -> None:
    store.put(table("a", ["2024-01-01"], value=[1]))
    with pytest.raises(DataError, match="has stamps without an offset from UTC, those sent are with one"):
        store.put(table("a", ["2024-01-02T00:00:00+01:00"], value=[1]))
    store.put(table("a", ["2024-01-02T00:00:00+01:00"], value=[1]), dataset="zoned")
    with pytest.raises(DataError, match="has stamps with an offset from UTC, those sent are without one"):
        store.put(table("a", ["2024-01-03"], value=[1]), dataset="zoned")


def test_stamps_with_offsets_are_the_same_moment_in_any_of_them(store: Store) -> None:
    store.put(table("a", ["2024-01-01T12:00:00+01:00"], value=[1]))
    done = store.put(table("a", ["2024-01-01T11:00:00Z"], value=[2]))
    assert (done.inserted, done.updated) == (0, 1)
    assert store.read()["timestamp"].tolist() == [pd.Timestamp("2024-01-01T11:00Z")]


def test_stamps_finer_than_a_microsecond_are_refused(store: Store) -> None:
    with pytest.raises(DataError, match="row 1: .* is finer than a microsecond"):
        store.put(table("a", ["2024-01-01T00:00:00.000000001"], value=[1]))


def test_a_column_of_truth_values_is_a_flag(store: Store) -> None:
    store.put(table("a", ["2024-01-01", "2024-01-02"], value=[1, 2], on=[True, False], off=["False", "true"]))
    frame = store.read()
    assert frame["on"].tolist() == [1, 0]
    assert frame["off"].tolist() == [0, 1]


def test_an_empty_new_column_is_left_out_and_told(store: Store) -> None:
    done = store.put(table("a", ["2024-01-01"], value=[1], note=[None]))
    assert done.warnings == ("The column 'note' is empty and was left out.",)
    assert "note" not in store.read()


def test_a_new_covariate_of_nearly_the_name_of_one_that_is_there_is_told(store: Store) -> None:
    first = store.put(table("a", ["2024-01-01"], value=[1], promo_flag=[0], temp_min=[3.0]))
    again = store.put(table("a", ["2024-01-02"], value=[1], promo_flgg=[0], temp_max=[9.0]))
    assert first.warnings == ()
    assert again.warnings == ("'promo_flgg' is new; did you mean 'promo_flag'?",)
    assert again.covariates == {"promo_flgg": "dynamic_numerical", "temp_max": "dynamic_numerical"}
    assert store.put(table("a", ["2024-01-03"], value=[1], promo_flgg=[0])).warnings == ()


def test_a_new_covariate_beside_the_one_that_it_is_like_is_meant(store: Store) -> None:
    store.put(table("a", ["2024-01-01"], value=[1], price_1=[3.0]))
    assert store.put(table("a", ["2024-01-02"], value=[1], price_1=[3.0], price_2=[4.0])).warnings == ()


def test_dates_are_no_covariate(store: Store) -> None:
    from forecast.core.data.table import Table
    from forecast.history.writing import write_table

    frame = pd.DataFrame(table("a", ["2024-01-01"], value=[1]) | {"due": [pd.Timestamp("2024-02-01")]})
    with pytest.raises(DataError, match="'due' holds dates"), store.database.write() as connection:
        write_table(connection, ME, "default", Table(frame))


def test_a_text_covariate_with_more_kinds_than_categories_may_have_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecast.history.writing.MOST_LABELS", 2)
    with pytest.raises(DataError, match="'kind' has text of 3 kinds"):
        store.put(
            table("a", ["2024-01-01", "2024-01-02", "2024-01-03"], value=[1, 2, 3], kind=["x", "y", "z"])
        )


def test_clients_have_datasets_of_the_same_name_apart(store: Store) -> None:
    store.put(table("a", ["2024-01-01"], value=[1]))
    store.put(table("a", ["2024-01-01"], value=[2]), client=OTHER)
    assert store.read()["value"].tolist() == [1]
    assert store.read(client=OTHER)["value"].tolist() == [2]


HOSTILE = [
    "'; DROP TABLE observations; --",
    '"',
    "%s",
    "%(keys)s",
    ":ids",
    "\\",
    "{1,2}",
    "ü\N{ROCKET}",
    "a,b",
    "{NULL}",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_never_sql(store: Store, name: str) -> None:
    rows = table(name, ["2024-01-01"], value=[1]) | {name: [5], f"{name} kind": [name + "x"]}
    for _ in range(2):
        store.put(rows, dataset=name, client=name)
    frame = store.read(dataset=name, client=name)
    assert frame["item_id"].tolist() == [name]
    assert frame[name].tolist() == [5]
    assert frame[f"{name} kind"].tolist() == [name + "x"]
    assert len(store.history([name], dataset=name, client=name).frame) == 1
