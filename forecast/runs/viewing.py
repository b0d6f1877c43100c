"""What callers see of the runs that are kept."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Protocol

import orjson

from forecast.database.connection import Database
from forecast.runs import exports, finding
from forecast.runs.finding import Wanted
from forecast.runs.telling import tell_kept, tell_run


class Page(Protocol):
    """Which items of a run are asked for: after the position `cursor`, at most `limit` of them."""

    @property
    def item_id(self) -> str | None:
        """Only this item, where it is named."""

    @property
    def status(self) -> str | None:
        """Only those that succeeded or failed, where it is named."""

    @property
    def limit(self) -> int:
        """How many."""

    @property
    def cursor(self) -> int | None:
        """After which position; None for the first."""


def list_runs(database: Database, client_id: str, wanted: Wanted, limit: int, cursor: str | None) -> bytes:
    """Return a client's runs as JSON."""
    with database.read() as connection:
        found, following = finding.list_runs(connection, client_id, wanted, limit, cursor)
    return _write({"forecasts": [tell_run(run) for run in found], "next_cursor": following})


def tell(database: Database, client_id: str, forecast_id: str, page: Page) -> bytes:
    """Return a run with some of its items as JSON; raise NotFoundError where the client has none such."""
    after = -1 if page.cursor is None else page.cursor
    with database.read() as connection:
        run = finding.find_run(connection, client_id, forecast_id)
        most = page.limit + 1
        items = finding.read_items(connection, forecast_id, page.item_id, after, most, page.status)
        shown = items[: page.limit]
        told = tell_kept(connection, run.forecast_run_id, shown, run.quantile_levels)
    following = shown[-1].position if len(items) > page.limit else None
    return _write({**tell_run(run), "forecasts": told, "next_cursor": following})


def export(
    database: Database, client_id: str, forecast_id: str, item_id: str | None, media: str
) -> Iterator[bytes]:
    """Return a run's forecasts in a media type, piece by piece; the errors are those of tell."""
    with database.read() as connection:
        run = finding.find_run(connection, client_id, forecast_id)
    parts = exports.export(database, run, forecast_id, item_id, media)
    # What fails at once is still told as an error.
    return chain([next(parts)], parts)


def remove(database: Database, client_id: str, forecast_id: str) -> None:
    """Remove a run, or one forecast; the errors are those of finding.remove."""
    with database.write() as connection:
        finding.remove(connection, client_id, forecast_id)


def _write(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_UTC_Z)  # as pydantic writes times in all other answers
