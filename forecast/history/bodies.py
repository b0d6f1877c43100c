"""Reading the table that a request sends into history, in any of its formats."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Annotated, Any, cast

import pydantic_core
from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request

from forecast.core.body import parse
from forecast.core.data.arrow import read_arrow
from forecast.core.data.delimited import read_csv
from forecast.core.data.parquet import read_parquet
from forecast.core.data.records import read_inline
from forecast.core.data.table import Table
from forecast.core.errors import DataError, MediaTypeError, RequestError
from forecast.core.media import ARROW, CSV, JSON, PARQUET, media_type
from forecast.core.security import CurrentSettings
from forecast.core.unparsed import UnparsedRequest
from forecast.history.columns import Named
from forecast.history.datasets import DEFAULT_DATASET
from forecast.history.schemas import SeriesBody, check_name

_READ = f"{JSON}, {CSV}, {PARQUET} or {ARROW}"


@dataclass(frozen=True, slots=True, eq=False)
class SentTable:
    """A table on its way into a dataset: how to read it, and which of its columns are told."""

    dataset: str
    told: Named
    read: Callable[[], Table]


async def read_told(
    item_column: Annotated[str | None, Query(description="The column of items.")] = None,
    timestamp_column: Annotated[str | None, Query(description="The column of stamps.")] = None,
    value_column: Annotated[str | None, Query(description="The column of values.")] = None,
    item_id: Annotated[str | None, Query(description="The item of all rows, without such a column.")] = None,
) -> Named:
    """Return which columns of a table the address of a request names."""
    return Named(item_column, timestamp_column, value_column, item_id)


async def read_sent_table(
    request: Request,
    settings: CurrentSettings,
    told: Annotated[Named, Depends(read_told)],
    dataset: Annotated[str | None, Query(description="The dataset, `default` by default.")] = None,
) -> SentTable:
    """Return the table of a body; raise MediaTypeError at a type that is not read, DataError at no body."""
    media = media_type(request.headers.get("content-type", ""))
    if media not in (JSON, CSV, PARQUET, ARROW):
        raise MediaTypeError(f"Send a table as {_READ}, and say which in the header 'Content-Type'.")
    content = await cast(UnparsedRequest, request).content()
    if media != JSON and (not content or content.isspace()):
        raise DataError(
            "The body is empty; send a table with a column each of items, stamps and values, such as a CSV"
            " whose first line is 'item_id,timestamp,value'."
        )
    if media == JSON:
        return await run_sync(_read_json, content, dataset, told)
    readers: dict[str, Callable[[], Table]] = {
        CSV: partial(read_csv, content),
        PARQUET: partial(read_parquet, BytesIO(content), settings.max_upload_size),
        ARROW: partial(read_arrow, content, settings.max_upload_size),
    }
    return SentTable(check_name(dataset or DEFAULT_DATASET), told, readers[media])


Sending = Annotated[SentTable, Depends(read_sent_table)]


def _read_json(content: bytes, dataset: str | None, told: Named) -> SentTable:
    """Return the table of a SeriesBody, or of bare records or columns."""
    bare = _read_bare(content)
    if bare is not None:
        return SentTable(check_name(dataset or DEFAULT_DATASET), told, partial(read_inline, bare))
    body = parse(content, JSON, SeriesBody)
    own = Named(body.item_column, body.timestamp_column, body.value_column, body.item_id)
    twice = [
        name
        for name, one, other in (
            ("dataset", dataset, body.dataset),
            ("item_column", told.item, own.item),
            ("timestamp_column", told.timestamp, own.timestamp),
            ("value_column", told.value, own.value),
            ("item_id", told.item_id, own.item_id),
        )
        if one is not None and other is not None and one != other
    ]
    if twice:
        raise RequestError(f"The address and the body differ in '{twice[0]}'; give it once.")
    both = Named(
        told.item or own.item,
        told.timestamp or own.timestamp,
        told.value or own.value,
        own.item_id if told.item_id is None else told.item_id,
    )
    name = dataset or body.dataset or DEFAULT_DATASET
    return SentTable(check_name(name), both, partial(read_inline, body.data))


def _read_bare(content: bytes) -> list[Any] | dict[str, Any] | None:
    """Return a table that is all of a JSON document; None at what is more, or no JSON."""
    try:
        value = pydantic_core.from_json(content)
    except ValueError:
        return None
    columns = isinstance(value, dict) and "data" not in value and bool(value)
    bare = isinstance(value, list) or (columns and all(isinstance(cells, list) for cells in value.values()))
    return value if bare else None
