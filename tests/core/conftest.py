"""What the tests of workers and of routes share."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import Forecast, Task
from forecast.core.worker import Worker
from tests.fakes import FakeAdapter

Start = Callable[..., Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    workers: list[Worker] = []

    def make(
        predict: Callable[[Sequence[Task]], list[Forecast]], max_batch: int = 4, queue_size: int = 1000
    ) -> Worker:
        worker = Worker(
            predict, lambda task: task.horizon, max_batch=max_batch, queue_size=queue_size, name="test"
        )
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.close()


def gated(adapter: FakeAdapter) -> Callable[[Sequence[Task]], list[Forecast]]:
    return lambda tasks: adapter.predict("weights", tasks)


PREFIX = "/forecast/v1/fake"
DAYS = [f"2024-01-{day:02d}" for day in range(1, 11)]
TABLE = {"date": DAYS, "y": list(range(10))}
REQUEST: dict[str, Any] = {
    "data": TABLE,
    "data_definition": {"y": "target"},
    "parameters": {"horizon_len": 3},
}


def forecast(client: TestClient, **changes: Any) -> Any:
    return client.post(f"{PREFIX}/inference", json=REQUEST | changes)


@pytest.fixture
def ready(client: TestClient) -> TestClient:
    assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
    return client
