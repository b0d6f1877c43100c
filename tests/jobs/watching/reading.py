"""Reading a stream of server-sent events as a browser does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.conftest import AUTHORIZED


@dataclass(frozen=True, slots=True)
class Told:
    id: int
    event: str
    data: Any


def parse(lines: Iterator[str]) -> Iterator[Told]:
    """Yield the events of a stream; comments and the time to reconnect are none."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


@contextmanager
def open_stream(host: str, job_id: str, query: str = "", **headers: str) -> Iterator[httpx.Response]:
    """Open the stream of a job."""
    url = f"http://{host}/api/v1/forecast-jobs/{job_id}/events{query}"
    with (
        httpx.Client(trust_env=False, timeout=30) as client,
        client.stream(
            "GET", url, headers=AUTHORIZED | {n.replace("_", "-"): v for n, v in headers.items()}
        ) as got,
    ):
        yield got


def read_all(host: str, job_id: str, query: str = "", **headers: str) -> list[Told]:
    """Return the events of a stream that ends."""
    with open_stream(host, job_id, query, **headers) as answer:
        assert answer.status_code == 200
        return list(parse(answer.iter_lines()))
