"""The calendar that all items of a forecast by name lie on: that of the longest which tells one."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from forecast.core.data.table import Table
from forecast.core.errors import DataError
from forecast.core.parameters import InferenceRequest
from forecast.history.datasets import find_dataset
from forecast.history.items import find_items
from forecast.history.reading import read_history
from forecast.history.stamps import CUTOFF, read_bounds
from forecast.history.tables import observations
from forecast.runs.portion import Calendar, make_portion

_KEYS_AT_ONCE = 500
_FIRST, _MOST = 1, 500
"""How many items are looked at first, and how many more where none of those tells."""


def find_calendar(
    connection: Connection,
    client_id: str,
    dataset: str,
    names: Sequence[str],
    until: str | None,
    request: InferenceRequest[Any],
) -> Calendar:
    """Return the frequency of items and whether it keeps the clock; raise DataError where none tells."""
    ordered = _longest_first(connection, client_id, dataset, names, until)
    if not ordered:
        raise DataError("The items have no values up to the cutoff.")
    first: DataError | None = None
    for some in (ordered[:_FIRST], ordered[_FIRST:_MOST]):
        if not some:
            continue
        history = read_history(connection, client_id, dataset, some, until)
        try:
            return make_portion(request, Table(history.frame)).calendar
        except DataError as error:
            first = first or error
    raise first or DataError("No item tells a calendar.")


def _longest_first(
    connection: Connection, client_id: str, dataset: str, names: Sequence[str], until: str | None
) -> list[str]:
    """Return the items that have rows up to the cutoff, those with most rows first, then by name."""
    kept = find_dataset(connection, client_id, dataset)
    found = find_items(connection, kept.dataset_id, names)
    _, last = read_bounds(None, until, zoned=bool(kept.zoned), timezone=kept.timezone, end=CUTOFF)
    counts = dict(zip(found.keys.tolist(), found.rows.tolist(), strict=True))
    beyond = found.keys[found.last > last].tolist()
    counts.update(_count(connection, beyond, last))
    named = dict(zip(found.keys.tolist(), found.ids, strict=True))
    ordered = sorted((-count, named[key]) for key, count in counts.items() if count)
    return [name for _, name in ordered]


def _count(connection: Connection, keys: list[int], last: int) -> Iterator[tuple[int, int]]:
    """Yield the number of rows of each item up to a stamp."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        inside = observations.c.at <= last
        asked = (
            select(observations.c.item_key, func.count())
            .where(observations.c.item_key.in_(some), inside)
            .group_by(observations.c.item_key)
        )
        found = {row[0]: row[1] for row in connection.execute(asked)}
        yield from ((key, found.get(key, 0)) for key in some)
