"""History against a dict: whatever is put, in whatever order, is what is read."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.core.data.table import Table
from forecast.database.connection import Database
from forecast.history.datasets import delete_dataset, look_up
from forecast.history.removing import delete_rows
from forecast.history.writing import write_table
from tests.history.conftest import ME, OTHER, Store

EPOCH = datetime(1970, 1, 1)  # a clock without a zone
DAYS = [-106_000, -40_000, -1, 0, 1, 2, 3, 20_000, 106_000]
LABELS = st.text(st.characters(codec="utf-8", categories=("L", "N", "S")), min_size=1, max_size=8).filter(
    lambda text: text.lower() not in ("nan", "null", "true", "false", "na", "none")
)
ITEMS = st.sampled_from(["a", "b", "Ünïcode \N{ROCKET}", "'; --", "1"])
NUMBERS = st.none() | st.floats(-1e100, 1e100, allow_nan=False)
STAMPS = st.builds(
    lambda day, micros: EPOCH + timedelta(day, 0, micros), st.sampled_from(DAYS), st.integers(0, 2)
)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    keys = draw(st.lists(st.tuples(ITEMS, STAMPS), min_size=1, max_size=12, unique=True))
    frame = pd.DataFrame({"item_id": [key[0] for key in keys], "timestamp": [key[1] for key in keys]})
    frame["timestamp"] = frame["timestamp"].astype("datetime64[us]")
    frame["value"] = pd.Series([draw(NUMBERS) for _ in keys], dtype=float)
    if draw(st.booleans()):
        frame["price"] = pd.Series([1.0, *(draw(NUMBERS) for _ in keys[1:])], dtype=float)
    if draw(st.booleans()):
        frame["kind"] = pd.Series(["x", *(draw(st.none() | LABELS) for _ in keys[1:])], dtype=object)
    return frame


Model = dict[tuple[str, datetime], dict[str, Any]]


def apply(model: Model, frame: pd.DataFrame) -> None:
    for row in frame.to_dict("records"):
        key = (row.pop("item_id"), row.pop("timestamp"))
        model.setdefault(key, {}).update({str(name): none_if_empty(cell) for name, cell in row.items()})


def none_if_empty(cell: Any) -> Any:
    return None if pd.isna(cell) else cell


def as_model(frame: pd.DataFrame) -> Model:
    model: Model = {}
    apply(model, frame.astype({"item_id": object}))
    return model


def same(model: Model, frame: pd.DataFrame) -> bool:
    names = [name for name in frame.columns if name not in ("item_id", "timestamp")]
    full = {key: {name: row.get(name) for name in names} for key, row in model.items()}
    return as_model(frame) == full and list(frame["item_id"]) == sorted(frame["item_id"])


def forget(database: Database) -> None:
    with database.write() as connection:
        for client in (ME, OTHER):
            if look_up(connection, client, "default") is not None:
                delete_dataset(connection, client, "default")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(st.tuples(st.sampled_from([ME, OTHER]), tables()), min_size=1, max_size=4), data=st.data()
)
def test_what_two_clients_put_and_delete_is_what_each_reads(
    store: Store, sent: list[tuple[str, pd.DataFrame]], data: st.DataObject
) -> None:
    forget(store.database)
    models: dict[str, Model] = {}
    for client, frame in sent:
        with store.database.write() as connection:
            done = write_table(connection, client, "default", Table(frame))
        model = models.setdefault(client, {})
        before = len(model)
        apply(model, frame)
        assert done.inserted == len(model) - before
        assert done.inserted + done.updated + done.unchanged == len(frame)
    for client, model in models.items():
        assert same(model, store.read(client))
    client, item = sent[0][0], data.draw(ITEMS)
    with store.database.write() as connection:
        gone = delete_rows(connection, client, "default", [item], None, "1970-01-02")
    last = EPOCH + timedelta(2)
    kept = {key: row for key, row in models[client].items() if key[0] != item or key[1] >= last}
    assert gone == len(models[client]) - len(kept)
    assert same(kept, store.read(client))
    for other, model in models.items():
        assert other == client or same(model, store.read(other))
