"""A client of the API that keeps history and hands over jobs."""

from typing import Any

import httpx
import numpy as np

from tests.containers.stack import Stack, until

DAYS = 60


def enrol(stack: Stack, client_id: str = "acme") -> str:
    """Return the key of a new client."""
    with stack.client() as administrator:
        made = administrator.post("/api/v1/clients", json={"client_id": client_id, "name": client_id})
        assert made.status_code == 201, made.text
        given = administrator.post(
            f"/api/v1/clients/{client_id}/keys", json={"name": "t", "role": "forecast"}
        )
        assert given.status_code == 201, given.text
    return str(given.json()["key"])


def put_history(client: httpx.Client, items: int) -> None:
    """Put two months of so many items."""
    rows = [
        f"{np.datetime64('2024-01-01') + day},I{item:04},{10 + (item * 7 + day * day) % 23}"
        for item in range(items)
        for day in range(DAYS)
    ]
    table = "\n".join(["date,item_id,units_sold", *rows])
    put = client.put("/api/v1/series", content=table, headers={"Content-Type": "text/csv"})
    assert put.status_code == 200, put.text


def hand_over(client: httpx.Client, **parameters: Any) -> str:
    """Hand over a job of all items, a week of each, and return its ID."""
    body = {"model": "statsforecast", "prediction_length": 7, "parameters": parameters}
    taken = client.post("/api/v1/forecast-jobs", json=body)
    assert taken.status_code == 202, taken.text
    return str(taken.json()["job_id"])


def read_job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/forecast-jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def await_job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Return a job once it has ended."""
    until(lambda: read_job(client, job_id)["finished_at"] is not None)
    return read_job(client, job_id)


def read_forecasts(client: httpx.Client, job: dict[str, Any]) -> list[str]:
    """Return the lines of all forecasts of a job: a header, and a row for each item and day."""
    answer = client.get(job["result"], params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    return answer.text.splitlines()


def list_items(client: httpx.Client) -> int:
    """Return how many items the client has."""
    answer = client.get("/api/v1/series/items")
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])
