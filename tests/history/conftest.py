"""History of two clients on either database, by functions and over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.core.data.records import read_inline
from forecast.core.principal import Principal
from forecast.core.security import require_key
from forecast.database.connection import Database
from forecast.history.columns import Named
from forecast.history.datasets import find_dataset
from forecast.history.items import find_items
from forecast.history.reading import read_frame, read_history
from forecast.history.rows import EARLIEST, LATEST
from forecast.history.writing import Written, write_table
from tests.conftest import AUTHORIZED, MakeApp

ME, OTHER = "me", "somebody-else"
DEMAND: dict[str, list[Any]] = {
    "date": ["2024-03-01", "2024-03-02", "2024-03-04", "2024-03-01", "2024-03-02"],
    "item_id": ["A-1", "A-1", "A-1", "B-2", "B-2"],
    "units_sold": [12, 7, 9, 3, None],
    "promo_flag": [0, 1, 0, 0, 0],
    "holiday_flag": [0, 0, 0, 0, 0],
    "is_weekend": [0, 1, 0, 0, 1],
    "marketing_spend_daily": [100.5, 80.0, 0.0, 20.0, 20.0],
    "price": [9.99, 8.99, 9.99, 4.5, 4.5],
}
"""The demand table of a plan, as it comes."""


class Store:
    """One database, written and read as the routes do."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, table: Any, client: str = ME, dataset: str = "default", **told: str) -> Written:
        """Write columns or records."""
        with self.database.write() as connection:
            return write_table(connection, client, dataset, read_inline(table), Named(**told))

    def read(self, client: str = ME, dataset: str = "default") -> pd.DataFrame:
        """Return all rows."""
        with self.database.read() as connection:
            found = find_dataset(connection, client, dataset)
            everything = find_items(connection, found.dataset_id, None)
            return read_frame(connection, found, everything, EARLIEST, LATEST)

    def history(self, *asked: Any, client: str = ME, dataset: str = "default") -> Any:
        """Return what a forecast would read of items, up to a date."""
        items, until = (*asked, None, None)[:2]
        with self.database.read() as connection:
            return read_history(connection, client, dataset, items, until)


@pytest.fixture
def store(database: Database) -> Store:
    """An empty history."""
    return Store(database)


@pytest.fixture
def call(make_app: MakeApp, database_url: str) -> Iterator[TestClient]:
    """A client of a gateway with either database."""
    with TestClient(make_app(database_url=database_url), headers=AUTHORIZED) as client:
        yield client


@pytest.fixture
def act_as(call: TestClient) -> Callable[[str], None]:
    """Lets the client be another one from now on."""
    app: Any = call.app

    def act(client_id: str) -> None:
        app.dependency_overrides[require_key] = lambda: Principal(client_id, "key", "forecast")

    return act
