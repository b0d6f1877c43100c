"""The items of a dataset, some at a time."""

import base64
import binascii

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from forecast.core.answer import write_dates
from forecast.core.errors import RequestError
from forecast.history.datasets import Dataset, find_dataset
from forecast.history.gaps import Regularity, find_gaps
from forecast.history.items import Items, page_items
from forecast.history.rows import EARLIEST, LATEST, Ints
from forecast.history.schemas import ItemInfo, ItemList
from forecast.history.stamps import read_micros
from forecast.history.storage import storage_of

_MOST_ROWS = 1_000_000


def list_items(
    connection: Connection, client_id: str, dataset: str, prefix: str, cursor: str | None, most: int
) -> ItemList:
    """Return the items of a client's dataset whose names begin with a prefix, after a cursor.

    They are fewer than `most` where they have very many rows. Raises NotFoundError where there is no such
    dataset, RequestError at a cursor that no answer told.
    """
    found = find_dataset(connection, client_id, dataset)
    after = None if cursor is None else _read_cursor(cursor)
    page = page_items(connection, found.dataset_id, after, prefix, most + 1)
    # Their stamps are all read to find the gaps.
    within = int(np.count_nonzero(np.cumsum(page.rows) <= _MOST_ROWS))
    shown = page.head(max(1, min(most, within)))
    more = len(page) > len(shown)
    return ItemList(
        dataset=dataset,
        items=_describe(connection, found, shown),
        next_cursor=_write_cursor(shown.ids[-1]) if more else None,
    )


def _describe(connection: Connection, dataset: Dataset, page: Items) -> list[ItemInfo]:
    if not len(page):
        return []
    rows = storage_of(connection).fetch(connection, np.sort(page.keys), EARLIEST, LATEST, 0).ordered()
    zoned = bool(dataset.zoned)
    told: dict[tuple[bytes, bytes], Regularity] = {}
    found = []
    for place, item_id in enumerate(page.ids):
        begin, end = np.searchsorted(rows.keys, [page.keys[place], page.keys[place] + 1])
        at, known = rows.at[begin:end], ~np.isnan(rows.values[begin:end])
        # Most items of a dataset have the same stamps.
        key = (at.tobytes(), known.tobytes())
        if key not in told:
            stamps = read_micros(at, zoned=zoned, timezone=dataset.timezone)
            told[key] = find_gaps(stamps, known, dataset.freq)
        first, last, planned = _ends(at, known, dataset)
        regular = told[key]
        found.append(
            ItemInfo(
                item_id=item_id,
                first=first,
                last=last,
                planned_until=planned,
                rows=len(at),
                frequency=regular.frequency,
                missing=regular.missing,
                gaps=regular.gaps,
            )
        )
    return found


def _ends(at: Ints, known: NDArray[np.bool_], dataset: Dataset) -> tuple[str | None, str | None, str | None]:
    """Return the first and the last stamp with a value, and the last row that comes after these."""
    valued = np.flatnonzero(known)
    places = [*valued[[0, -1]], len(at) - 1] if len(valued) else [len(at) - 1]
    ends = write_dates(read_micros(at[places], zoned=bool(dataset.zoned), timezone=dataset.timezone))
    if not len(valued):
        return None, None, ends[0]
    return ends[0], ends[1], ends[2] if ends[2] != ends[1] else None


def _write_cursor(item_id: str) -> str:
    return base64.urlsafe_b64encode(item_id.encode()).decode()


def _read_cursor(cursor: str) -> str:
    try:
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise RequestError("The cursor is none that an answer told.") from error
