"""What is said of an item is said of no other."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.runs.conftest import ask, demand, put
from tests.runs.working import MakeWork, by_name, compute

AHEAD = (
    "The future of covariate 'price' is unknown for 4 of 4 steps; its last known value was carried forward."
)
IDLE = (
    "Covariates that never change in the context (price) have no effect: nothing is known of what their"
    " change would do."
)


def put_prices(database: Database) -> None:
    """Write an item whose price is planned, one whose is not, and one whose never changes."""
    price = np.arange(34) % 5.0
    planned = demand("planned", 34).assign(price=price)
    planned.loc[30:, "value"] = np.nan
    ended = demand("ended", 30).assign(price=price[:30])
    put(database, pd.concat([planned, ended, planned.assign(item_id="idle", price=3.0)]))


def said(told: dict[str, Any]) -> dict[str, tuple[bool, list[str]]]:
    return {
        one["item_id"]: (one["metadata"]["covariates_used"], one["metadata"]["warnings"])
        for one in told["forecasts"]
    }


EACH = {"ended": (True, [AHEAD]), "idle": (False, [IDLE]), "planned": (True, [])}


def test_items_that_are_computed_together_tell_their_own_warnings(
    client: TestClient, database: Database
) -> None:
    put_prices(database)
    assert said(ask(client)) == EACH
    pooled = said(ask(client, parameters={"xreg_scope": "pooled"}))
    assert pooled == {"ended": (True, [AHEAD]), "idle": (True, []), "planned": (True, [])}


@pytest.mark.parametrize("most", [1, 2])
def test_what_is_said_does_not_depend_on_how_items_are_cut(
    make_work: MakeWork, database: Database, most: int
) -> None:
    put_prices(database)
    rows = compute(make_work(), by_name(prediction_length=4), most)
    assert {row.item_id: row.predicted and row.predicted.warnings for row in rows} == {
        name: tuple(warnings) for name, (_, warnings) in EACH.items()
    }


def test_a_model_in_a_service_of_its_own_tells_the_same(
    through_service: TestClient, database: Database
) -> None:
    put_prices(database)
    assert said(ask(through_service)) == EACH
