"""What the gateway keeps for its client: the jobs that were handed to it, and the forecasts it made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from ui.connection import Connection, Download
from ui.errors import GatewayError, NotFoundError

_JOBS, _RUNS, _SERIES = "/api/v1/forecast-jobs", "/api/v1/forecasts", "/api/v1/series"
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_GLANCE_SECONDS = 2.0
_WATCHED_SECONDS = 60.0
_PIECE_SECONDS = 300.0
_FIRST_FAULT, _OVER_QUOTA, _NOT_FOUND = 500, 429, 404


@dataclass(frozen=True, slots=True)
class Glance:
    """A job as the gateway last told it, and why it tells no more just now."""

    job: dict[str, Any] | None = None
    trouble: str | None = None


class Archive:
    """Jobs and forecasts of the client whose key the page has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seen: dict[str, tuple[float, Glance]] = {}

    async def jobs(self, search: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the jobs, newest first: `jobs` and the `next_cursor`."""
        return await self._connection.send("GET", _JOBS, params=dict(search))

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as it is now."""
        found = await self._connection.send("GET", _place(_JOBS, job_id))
        self._seen[job_id] = (monotonic(), Glance(found))
        return found

    async def glance(self, job_id: str) -> Glance:
        """Return a job as it is now, or was shortly before; raise GatewayError where there is none.

        However many are looked at, the gateway is asked once in two seconds: looks are counted in its quota.
        """
        now = monotonic()
        self._seen = {one: own for one, own in self._seen.items() if now - own[0] < _WATCHED_SECONDS}
        at, told = self._seen.get(job_id, (-inf, Glance()))
        if now - at >= _GLANCE_SECONDS * len({*self._seen, job_id}):
            self._seen[job_id] = (now, told)
            told = await self._look(job_id, told)
            self._seen[job_id] = (now, told)
        return told

    async def cancel(self, job_id: str) -> None:
        """Ask the gateway to end a job; raise GatewayError where it has ended."""
        await self._connection.send("DELETE", _place(_JOBS, job_id))
        self._seen.pop(job_id, None)

    async def runs(self, search: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the stored forecasts, newest first."""
        return await self._connection.send("GET", _RUNS, params=dict(search))

    async def run(self, run_id: str, search: Mapping[str, str]) -> dict[str, Any]:
        """Return a stored run with a page of those of its items that are searched for."""
        return await self._connection.send("GET", _place(_RUNS, run_id), params=dict(search))

    async def series(self, dataset: str, item_id: str, begin: str | None, end: str) -> dict[str, list[Any]]:
        """Return the columns of an item's history, both ends included; empty where it is there no more."""
        span = {"dataset": dataset, "item_id": item_id, "from": begin, "to": end, "format": "json"}
        asked = {name: value for name, value in span.items() if value is not None}
        try:
            found = await self._connection.send("GET", _SERIES, params=asked)
        except GatewayError as error:
            if error.status != _NOT_FOUND:
                raise
            return {}
        columns: dict[str, list[Any]] = found["data"]
        return columns

    async def download(self, run_id: str, media_type: str) -> Download:
        """Return a stored run as a file of a media type, of which nothing is read yet."""
        return await self._connection.open(_place(_RUNS, run_id), _PIECE_SECONDS, media_type)

    async def _look(self, job_id: str, before: Glance) -> Glance:
        try:
            return Glance(await self._connection.send("GET", _place(_JOBS, job_id)))
        except GatewayError as error:
            if error.status < _FIRST_FAULT and error.status != _OVER_QUOTA:
                raise
            # It comes back by itself; until then what was told before is better than nothing.
            return Glance(before.job, error.detail)


def _place(folder: str, name: str) -> str:
    """Return the path of a job or a run; what is no ID names none, and no other path either."""
    if not _ID.fullmatch(name):
        raise NotFoundError("There is nothing of this ID.")
    return f"{folder}/{name}"
