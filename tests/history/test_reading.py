import numpy as np
import pandas as pd
import pytest

from forecast.core.errors import NotFoundError, RequestError
from forecast.history.flags import add_flags_ahead, add_flags_between, complete_flags
from forecast.history.reading import list_item_ids
from forecast.history.schemas import DatasetSettings
from forecast.history.settings import put_dataset
from tests.history.conftest import DEMAND, ME, OTHER, Store


def configure(store: Store, **fields: object) -> None:
    with store.database.write() as connection:
        put_dataset(connection, ME, "default", DatasetSettings(**fields))  # type: ignore[arg-type]


def test_history_has_a_role_for_each_of_its_columns(store: Store) -> None:
    store.put(DEMAND)
    history = store.history()
    assert list(history.roles) == list(history.frame.columns)
    assert list(history.roles.items())[:4] == [
        ("item_id", "id"),
        ("timestamp", "timestamp"),
        ("value", "target"),
        ("promo_flag", "dynamic_numerical"),
    ]
    assert (history.missing, history.freq, history.timezone, history.calendar) == ("error", None, None, ())


def test_a_dataset_tells_how_it_is_meant(store: Store) -> None:
    configure(store, missing="zero", freq="D", timezone="Europe/Berlin", roles={"price": "static_numerical"})
    store.put(DEMAND)
    history = store.history()
    assert (history.missing, history.freq, history.timezone) == ("zero", "D", "Europe/Berlin")
    assert history.roles["price"] == "static_numerical"


def test_numbers_of_a_covariate_declared_as_categories_are_categories(store: Store) -> None:
    configure(store, roles={"price": "dynamic_categorical", "not seen": "static_numerical"})
    store.put(DEMAND)
    history = store.history()
    assert history.frame["price"].tolist() == ["9.99", "8.99", "9.99", "4.5", "4.5"]
    assert "not seen" not in history.roles


def test_items_are_read_in_the_order_of_their_names_and_unknown_ones_left_out(store: Store) -> None:
    for name in ("b", "a", "ü", "C"):
        store.put({"item_id": [name], "timestamp": ["2024-01-01"], "value": [1]})
    assert store.history(["ü", "b", "nobody", "a"]).frame["item_id"].tolist() == ["a", "b", "ü"]
    assert store.history(["nobody"]).frame.empty
    assert store.history([]).frame.empty
    with store.database.read() as connection:
        assert list_item_ids(connection, ME, "default") == ["C", "a", "b", "ü"]


@pytest.mark.parametrize(
    ("until", "values"),
    [
        (None, [1, 2, 3, 4]),
        ("2024-01-02", [1, 2, 3]),
        ("2024-01-02T05:59:59", [1]),
        ("2024-01-02T06:00", [1, 2]),
        ("2024-01", [1, 2, 3, 4]),
        ("2023", []),
        ("2024-01-02T07:00:00+01:00", [1, 2]),
    ],
)
def test_nothing_after_the_cutoff_is_read(store: Store, until: str | None, values: list[float]) -> None:
    stamps = ["2024-01-01", "2024-01-02T06:00", "2024-01-02T23:59:59.999999", "2024-01-03"]
    store.put({"item_id": ["a"] * 4, "timestamp": stamps, "value": [1, 2, 3, 4]})
    assert store.history(None, until).frame["value"].tolist() == values


def test_the_whole_day_of_a_cutoff_is_a_day_of_the_datasets_clock(store: Store) -> None:
    configure(store, timezone="America/New_York")
    stamps = ["2024-01-01T12:00:00Z", "2024-01-02T04:59:59Z", "2024-01-02T05:00:00Z"]
    store.put({"item_id": ["a"] * 3, "timestamp": stamps, "value": [1, 2, 3]})
    frame = store.history(None, "2024-01-01").frame
    assert frame["value"].tolist() == [1, 2]
    assert [str(stamp) for stamp in frame["timestamp"]] == [
        "2024-01-01 07:00:00-05:00",
        "2024-01-01 23:59:59-05:00",
    ]


def test_a_cutoff_that_is_no_date_is_refused(store: Store) -> None:
    store.put(DEMAND)
    with pytest.raises(RequestError, match="'soon' is not a date"):
        store.history(None, "soon")


def test_there_is_no_history_of_another_client(store: Store) -> None:
    store.put(DEMAND)
    with pytest.raises(NotFoundError, match="There is no dataset 'default'"):
        store.history(client=OTHER)
    with store.database.read() as connection, pytest.raises(NotFoundError):
        list_item_ids(connection, OTHER, "default")


def test_weekends_and_holidays_are_made_where_a_table_has_no_column_of_them(store: Store) -> None:
    configure(store, country="DE")
    store.put({"item_id": ["a"], "timestamp": ["2024-01-01"], "value": [1]})
    history = store.history()
    assert history.calendar == ("is_weekend", "holidays:DE")
    assert "is_weekend" not in history.roles


def test_a_calendar_that_is_named_is_the_one_that_is_made(store: Store) -> None:
    configure(store, country="DE", calendar=["month", "holidays:US"])
    store.put(DEMAND)
    history = store.history()
    assert history.calendar == ("month",)
    assert history.flags == {"holiday_flag": "holidays:US"}


def test_empty_cells_of_flags_are_filled_from_the_calendar(store: Store) -> None:
    configure(store, country="DE")
    days = ["2024-05-01", "2024-05-02", "2024-05-04", "2024-05-09"]
    store.put(
        {
            "item_id": ["a"] * 4,
            "date": days,
            "units_sold": [1, 2, 3, 4],
            "holiday_flag": [None, 1, None, None],
            "is_weekend": [0, None, None, 1],
        }
    )
    history = complete_flags(store.history())
    assert history.calendar == ()
    assert history.frame["holiday_flag"].tolist() == [1, 1, 0, 1]
    assert history.frame["is_weekend"].tolist() == [0, 0, 1, 1]
    assert store.read()["holiday_flag"].isna().tolist() == [True, False, True, True]


def test_flags_are_known_ahead_of_each_item(store: Store) -> None:
    configure(store, country="DE", freq="D")
    store.put(
        {
            "item_id": ["a", "a", "b", "b", "b"],
            "date": ["2024-04-29", "2024-04-30", "2024-04-26", "2024-04-27", "2024-04-28"],
            "units_sold": [1, 2, 3, 4, None],
            "holiday_flag": [0, 0, 0, 0, 1],
            "price": [1, 1, 1, 1, 2],
        }
    )
    frame = add_flags_ahead(store.history(), 2, "D", by_clock=True).frame
    assert [f"{one}" for one in frame["item_id"]] == ["a"] * 4 + ["b"] * 4
    assert [stamp.day for stamp in frame["timestamp"]] == [29, 30, 1, 2, 26, 27, 28, 29]
    assert frame["holiday_flag"].tolist() == [0, 0, 1, 0, 0, 0, 1, 0]
    assert frame["value"].isna().tolist() == [False, False, True, True, False, False, True, True]
    assert frame["price"].isna().tolist() == [False, False, True, True, False, False, False, True]


@pytest.mark.parametrize(
    ("own", "ahead"),
    [
        ([0, None, 1, None], [0, 0, 1, 1, 0, 0]),
        ([0, None, 1, 1], [0, 0, 1, 1, 0, 0]),
        ([0, None, 1, 0], [0, 0, 1, 0, 0, 0]),  # a planned cell is as it was planned
        ([None, 1, 1, None], [None, 1, 1, None, None, None]),
        ([None, None, 1, None], [None, None, 1, None, None, None]),
        ([None, 0, None, None], [None, 0, None, None, None, None]),
        ([None] * 4, [None] * 6),
    ],
)
def test_weekends_that_nobody_told_of_are_those_of_items_whose_cells_show_it(
    store: Store, own: list[int | None], ahead: list[int | None]
) -> None:
    sure = [1, 0, None, None]
    store.put(
        {
            "item_id": ["own"] * 4 + ["sure"] * 4,
            "date": ["2024-05-02", "2024-05-03", "2024-05-04", "2024-05-05"]
            + [f"2024-04-{day:02}" for day in (7, 8, 9, 10)],
            "units_sold": [1, 2, 3, None, 5, 6, 7, 8],
            "weekend": own + sure,
        }
    )
    history = add_flags_ahead(complete_flags(store.history(["own"])), 3, "D", by_clock=False)
    found = [None if np.isnan(cell) else int(cell) for cell in history.frame["weekend"]]
    assert found == ahead


def test_an_item_whose_days_ahead_cannot_be_told_costs_the_others_no_flag(store: Store) -> None:
    store.put(
        {
            "item_id": ["late"] * 3 + ["now"] * 3,
            "date": ["2262-04-08", "2262-04-09", "2262-04-10", "2024-05-02", "2024-05-03", "2024-05-04"],
            "units_sold": [1, 2, 3, 4, 5, 6],
            "weekend": [0, 0, 0, 0, 0, 1],
        }
    )
    frame = add_flags_ahead(complete_flags(store.history()), 3, "D", by_clock=False).frame
    assert frame["weekend"].tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0]


def test_a_dataset_without_a_calendar_has_weekends_as_they_were_sent(store: Store) -> None:
    configure(store, calendar=[])
    store.put({"item_id": ["a"], "date": ["2024-05-04"], "units_sold": [1], "weekend": [1]})
    assert store.history().flags == {}


def test_history_without_flags_is_left_as_it_is(store: Store) -> None:
    store.put({name: cells for name, cells in DEMAND.items() if name != "is_weekend"})
    history = store.history()
    assert complete_flags(history) is history
    assert add_flags_ahead(history, 3, "D", by_clock=False) is history
    assert add_flags_between(history, "D", by_clock=False) is history


def test_flags_ahead_keep_categories_and_zones(store: Store) -> None:
    configure(store, calendar=["is_weekend"], freq="D", timezone="Europe/Berlin")
    store.put(
        {
            "item_id": ["a", "a"],
            "date": ["2024-03-29T00:00:00+01:00", "2024-03-30T00:00:00+01:00"],
            "value": [1, 2],
            "weekend": [0, 1],
            "kind": ["x", "y"],
        }
    )
    frame = add_flags_ahead(store.history(), 2, "D", by_clock=True).frame
    assert [stamp.isoformat() for stamp in frame["timestamp"]][2:] == [
        "2024-03-31T00:00:00+01:00",
        "2024-04-01T00:00:00+02:00",
    ]
    assert frame["weekend"].tolist() == [0, 1, 1, 0]
    assert frame["kind"].isna().tolist() == [False, False, True, True]
    assert isinstance(frame["item_id"].dtype, pd.CategoricalDtype)


def test_a_row_that_nobody_gave_a_value_is_empty(store: Store) -> None:
    store.put(DEMAND)
    assert np.isnan(store.history(["B-2"]).frame["value"].iloc[-1])
