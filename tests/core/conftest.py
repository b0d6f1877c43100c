"""What the tests of workers and of routes share."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.adapter import Forecast, Task
from forecast.core.answer import write_json
from forecast.core.config import Settings
from forecast.core.figures import Figures
from forecast.core.inference import Call, Patience, infer
from forecast.core.line import QueueBounds
from forecast.core.parameters import InferenceRequest, Parameters
from forecast.core.principal import DEFAULT_CLIENT
from forecast.core.schemas import InitializationRequest
from forecast.core.turns import BatchLimits
from forecast.core.worker import Worker
from tests.core.regressed import Ask, Carrying
from tests.fakes import FakeAdapter, make_service

Start = Callable[..., Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    workers: list[Worker] = []

    def make(
        predict: Callable[[Sequence[Task]], list[Forecast]],
        max_batch: int = 4,
        queue_size: int = 1000,
        queue_bytes: int = 10**9,
    ) -> Worker:
        worker = Worker(
            predict,
            lambda task: task.horizon,
            lambda task: len(task.series.target),
            limits=BatchLimits(max_batch, 16_384),
            bounds=QueueBounds(queue_size, queue_bytes),
            figures=Figures("test"),
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


@pytest.fixture
def ask(make_settings: Callable[..., Settings]) -> Ask:
    """Forecast a table with the roles of its columns."""

    def answer(
        table: dict[str, Any], roles: dict[str, str], adapter: FakeAdapter | None = None, **parameters: Any
    ) -> dict[str, Any]:
        body = {"data": table, "data_definition": roles, "parameters": parameters}
        service = make_service(adapter or Carrying())
        service.initialize(InitializationRequest())
        request = InferenceRequest[Parameters].model_validate(body)
        patience = Patience(time.monotonic(), 60, asyncio.Event().wait)  # type: ignore[arg-type]  # waits too
        try:
            answered: dict[str, Any] = json.loads(
                asyncio.run(
                    infer(service, request, make_settings(), Call(DEFAULT_CLIENT, patience), write_json)
                )
            )
        finally:
            service.shutdown()
        return answered

    return answer
