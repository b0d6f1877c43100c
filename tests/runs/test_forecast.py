from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from tests.runs.conftest import ask, demand, put


def test_items_are_forecast_by_name(client: TestClient, items: pd.DataFrame) -> None:
    told = ask(client, item_ids=["C", "A"])

    assert told["status"] == "succeeded"
    assert [one["item_id"] for one in told["forecasts"]] == ["C", "A"]
    last = items[items["item_id"] == "C"]["value"].iloc[-1]
    first = told["forecasts"][0]
    assert first["predictions"][0] == {
        "date": "2024-01-31",
        "value": last,
        "quantiles": {"0.1": last - 0.4, "0.5": last, "0.9": last + 0.4},
    }
    assert first["metadata"]["cutoff"] == "2024-01-30"
    assert first["metadata"]["context_length"] == 30
    assert first["metadata"]["frequency"] == "D"
