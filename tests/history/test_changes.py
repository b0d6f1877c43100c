"""What the stamps of changes tell of items: which of them are others than they were."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from forecast.history.datasets import delete_dataset
from forecast.history.removing import delete_rows
from forecast.history.schemas import DatasetSettings
from forecast.history.settings import put_dataset
from tests.history.conftest import ME, Store

TABLE: dict[str, list[Any]] = {
    "item_id": ["A", "A", "B", "B"],
    "timestamp": ["2024-03-01", "2024-03-02", "2024-03-01", "2024-03-02"],
    "value": [1.0, 2.0, 3.0, 4.0],
}


def _changed(store: Store, change: Callable[[], Any]) -> list[str]:
    """Return the items whose stamp is later than any before a change."""
    as_of = store.history().as_of
    change()
    after = store.history()
    assert all(stamp <= after.as_of for stamp in after.changed.values())
    return sorted(name for name, stamp in after.changed.items() if stamp > as_of)


def _put(**columns: list[Any]) -> Callable[[Store], Any]:
    return lambda store: store.put(columns)


def _set(**fields: Any) -> Callable[[Store], Any]:
    def change(store: Store) -> None:
        with store.database.write() as connection:
            put_dataset(connection, ME, "default", DatasetSettings(**fields))

    return change


def _delete(items: list[str] | None, since: str) -> Callable[[Store], Any]:
    def change(store: Store) -> None:
        with store.database.write() as connection:
            delete_rows(connection, ME, "default", items, since, None)

    return change


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (_put(**TABLE), []),
        (_put(item_id=["A"], timestamp=["2024-03-02"], value=[2.0]), []),
        (_put(item_id=["A"], timestamp=["2024-03-02"], value=[2.5]), ["A"]),
        (_put(item_id=["B"], timestamp=["2024-03-03"], value=[5.0]), ["B"]),
        (_put(item_id=["A", "B"], timestamp=["2024-03-02"] * 2, value=[2.0, 9.0]), ["B"]),
        (_put(item_id=["C"], timestamp=["2024-03-01"], value=[1.0]), ["C"]),
        (_put(item_id=["A"], timestamp=["2024-03-01"], value=[1.0], price=[9.0]), ["A", "B"]),
        (_set(), []),
        (_set(missing="zero"), ["A", "B"]),
        (_set(calendar=["is_weekend"]), ["A", "B"]),
        (_delete(["A"], "2024-03-02"), ["A"]),
        (_delete(None, "2025-01-01"), []),
        (_delete(["B"], "2024-03-01"), []),
    ],
)
def test_the_items_that_are_others_than_before_are_told(
    store: Store, change: Callable[[Store], Any], changed: list[str]
) -> None:
    store.put(TABLE)
    assert _changed(store, lambda: change(store)) == changed


def test_the_items_of_a_dataset_that_was_made_anew_are_others(store: Store) -> None:
    def make_anew() -> None:
        with store.database.write() as connection:
            delete_dataset(connection, ME, "default")
        store.put(TABLE)

    store.put(TABLE)
    assert _changed(store, make_anew) == ["A", "B"]


def test_a_clock_that_goes_back_does_not_hide_a_change(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(TABLE)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    for value in (7.0, 8.0):
        sent = {"item_id": ["A"], "timestamp": ["2024-03-02"], "value": [value]}
        assert _changed(store, lambda sent=sent: store.put(sent)) == ["A"]  # type: ignore[misc]
