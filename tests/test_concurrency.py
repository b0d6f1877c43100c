"""Many callers at once, over a real server."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from forecast.core import worker
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import DAYS, PREFIX
from tests.fakes import FakeAdapter, Gate

Serve = Callable[[FastAPI], str]


def request_for(name: str) -> dict[str, Any]:
    return {
        "data": {"date": DAYS, "shop": [name] * 10, "y": list(range(10))},
        "data_definition": {"y": "target", "shop": "id"},
        "parameters": {"horizon_len": 3},
    }


async def forecast(client: httpx.AsyncClient, name: str, **headers: str) -> httpx.Response:
    return await client.post(f"{PREFIX}/inference", json=request_for(name), headers=headers)


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.wait, 60)


async def waiting(client: httpx.AsyncClient, series: int) -> None:
    """Return when so many series wait for the model."""
    while f'series_waiting{{model="fake"}} {series}.0' not in (await client.get("/metrics")).text:
        await asyncio.sleep(0.01)


class SlowClock:
    """A clock by which each call of the model takes a hundred seconds."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _: object) -> None:
        self.calls += 1

    def monotonic(self) -> float:
        return time.monotonic() + 100 * self.calls


def test_the_gateway_lives_while_a_model_loads_and_predicts(
    make_app: MakeApp, serve: Serve, fake: FakeAdapter
) -> None:
    loading, predicting = Gate(), Gate()
    fake.on_load = loading

    async def scene(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=60) as client:
            load = asyncio.create_task(client.post(f"{PREFIX}/initialization", json={}))
            await entered(loading)
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get(f"{PREFIX}/status")).json()["model_status"] == "initializing"
            loading.opened.set()
            assert (await load).status_code == 200
            fake.on_predict = predicting
            call = asyncio.create_task(forecast(client, "a"))
            await entered(predicting)
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get(f"{PREFIX}/status")).json()["model_status"] == "ready"
            predicting.opened.set()
            assert (await call).status_code == 200

    asyncio.run(scene(serve(make_app())))


def test_a_caller_that_goes_away_is_never_computed(
    make_app: MakeApp, serve: Serve, fake: FakeAdapter
) -> None:
    gate = Gate()

    async def scene(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=60) as client:
            await client.post(f"{PREFIX}/initialization", json={})
            fake.on_predict = gate
            first = asyncio.create_task(forecast(client, "first"))
            await entered(gate)
            gone = asyncio.create_task(forecast(client, "gone"))
            await waiting(client, 1)
            gone.cancel()  # which closes its connection
            await waiting(client, 0)
            gate.opened.set()
            assert (await first).status_code == 200
            assert (await forecast(client, "last")).status_code == 200

    asyncio.run(scene(serve(make_app())))
    assert fake.computed == ["first", "last"]


def test_callers_who_cannot_be_served_in_time_are_refused_at_once(
    make_app: MakeApp, serve: Serve, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BATCH_SIZE", "1")
    slow, gate = SlowClock(), Gate()
    monkeypatch.setattr(worker, "time", slow)
    fake.on_predict = slow

    async def scene(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=60) as client:
            assert (await client.post(f"{PREFIX}/initialization", json={})).status_code == 200
            fake.on_predict = gate
            patient = {"X-Deadline-Ms": "300000"}
            calls = [asyncio.create_task(forecast(client, str(n), **patient)) for n in range(40)]
            # Three hundred seconds hold two batches with time to spare: all others are told meanwhile.
            while sum(call.done() for call in calls) < 38:
                await asyncio.sleep(0.01)
            gate.opened.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(scene(serve(make_app())))
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert (len(served), len(refused)) == (2, 38)
    assert len(fake.computed) == len(served)
    for answer in refused:
        assert answer.json()["error"] == "OVERLOADED"
        assert int(answer.headers["Retry-After"]) >= 1
        assert float(answer.headers["X-Process-Time"]) < 2


def test_callers_who_come_together_share_batches_of_half_of_them(
    make_app: MakeApp, serve: Serve, fake: FakeAdapter
) -> None:
    gate = Gate()

    async def scene(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=30) as client:
            await client.post(f"{PREFIX}/initialization", json={})
            fake.on_predict = gate
            calls = [asyncio.create_task(forecast(client, str(number))) for number in range(20)]
            await entered(gate)
            await waiting(client, 19)
            gate.opened.set()
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(scene(serve(make_app())))
    assert [answer.json()["prediction"]["series_ids"] for answer in answers] == [[str(n)] for n in range(20)]
    assert sorted(len(batch) for batch in fake.batches) == [1, 1, 1, 9, 10]
    assert max(answer.json()["execution_metadata"]["batch_size"] for answer in answers) == 10
