import pandas as pd
import pytest
from starlette.testclient import TestClient

from tests.runs.conftest import ask


@pytest.mark.parametrize(("status", "names"), [("failed", ["gone", "lost"]), ("succeeded", ["B", "A"])])
def test_the_items_of_a_run_are_told_by_their_status(
    client: TestClient, items: pd.DataFrame, status: str, names: list[str]
) -> None:
    run_id = ask(client, item_ids=["gone", "B", "A", "lost"])["forecast_run_id"]
    place = f"/api/v1/forecasts/{run_id}"

    told = client.get(place, params={"status": status, "limit": 1}).json()
    after = client.get(place, params={"status": status, "cursor": told["next_cursor"]}).json()

    assert [item["item_id"] for page in (told, after) for item in page["forecasts"]] == names
    assert after["next_cursor"] is None
    assert client.get(place, params={"status": "running"}).status_code == 422
