"""History: a client's datasets, and the series in them."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Depends, Header, Query, Response
from sqlalchemy import Connection

from forecast.core.body import body_reader
from forecast.core.errors import RequestError
from forecast.core.media import ARROW, CSV, JSON, PARQUET, choose_media
from forecast.core.problem import describe_problem
from forecast.core.routing import guards, refusals
from forecast.core.schemas import nearest
from forecast.core.security import Calling
from forecast.core.unparsed import UnparsedRoute
from forecast.database.access import CurrentDatabase
from forecast.database.connection import Database
from forecast.history import datasets, settings
from forecast.history.bodies import Sending
from forecast.history.datasets import DEFAULT_DATASET
from forecast.history.frames import FORMATS
from forecast.history.listing import list_items
from forecast.history.removing import delete_rows
from forecast.history.schemas import (
    DatasetInfo,
    DatasetList,
    DatasetSettings,
    ItemList,
    SeriesBody,
    SeriesDeleted,
    SeriesWritten,
)
from forecast.history.service import Span, read_series, write_series

_BINARY = {name: {"schema": {"type": "string", "format": "binary"}} for name in (PARQUET, ARROW)}
_TABLES = {CSV: {"schema": {"type": "string"}}, **_BINARY}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": SeriesBody.model_json_schema(ref_template="#/components/schemas/{model}")},
            **_TABLES,
        },
    }
}
_NOT_FOUND = describe_problem("There is no such dataset or item.")
_MOST_ITEMS = 1000
_SETTINGS = {"missing": "zero", "country": "DE", "roles": {"region": "static_categorical"}}
_Documented = Annotated[DatasetSettings, Body(openapi_examples={"daily demand": {"value": _SETTINGS}})]
SettingsBody = Annotated[DatasetSettings, Depends(body_reader(DatasetSettings, _Documented))]
Answer = TypeVar("Answer")

router = APIRouter(
    prefix="/api/v1",
    tags=["history"],
    responses=refusals(400, 409, 413, 415),
    dependencies=guards("data"),
    route_class=UnparsedRoute,
)


async def read_span(
    dataset: Annotated[str, Query(description="The dataset.")] = DEFAULT_DATASET,
    item_id: Annotated[list[str] | None, Query(description="Items, one each; else all.")] = None,
    since: Annotated[str | None, Query(alias="from", description="The first date or time.")] = None,
    until: Annotated[str | None, Query(alias="to", description="The last; a bare date is all of it.")] = None,
) -> Span:
    """Return the rows that a request names."""
    return Span(dataset, item_id, since, until)


async def read_format(
    format: Annotated[str | None, Query(description=f"{', '.join(FORMATS)}; else by Accept.")] = None,  # noqa: A002
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> str:
    """Return the media type of the answer; raise RequestError at a format that there is not."""
    if format is None:
        return choose_media(accept, tuple(FORMATS.values()))
    if format not in FORMATS:
        raise RequestError(f"There is no format '{format}' ({nearest(format, list(FORMATS))}).")
    return FORMATS[format]


Spanning = Annotated[Span, Depends(read_span)]


@router.put("/datasets/{name}", openapi_extra={"requestBody": {"required": True}})
async def put_dataset(
    name: str, given: SettingsBody, calling: Calling, database: CurrentDatabase, response: Response
) -> DatasetInfo:
    """Set how the history of a dataset is meant; one that is not there is made."""
    done = partial(settings.put_dataset, client_id=calling.client_id, name=name, given=given)
    info, made = await run_sync(_write, database, done)
    response.status_code = 201 if made else 200
    return info


@router.get("/datasets")
async def read_datasets(calling: Calling, database: CurrentDatabase) -> DatasetList:
    """List the datasets."""
    return await run_sync(_read, database, partial(settings.describe_all, client_id=calling.client_id))


@router.get("/datasets/{name}", responses={404: _NOT_FOUND})
async def read_dataset(name: str, calling: Calling, database: CurrentDatabase) -> DatasetInfo:
    """Tell what is in a dataset, and how it is meant."""
    return await run_sync(_read, database, partial(settings.describe, client_id=calling.client_id, name=name))


@router.delete("/datasets/{name}", status_code=204, responses={404: _NOT_FOUND})
async def delete_dataset(name: str, calling: Calling, database: CurrentDatabase) -> None:
    """Delete a dataset and all its history."""
    done = partial(datasets.delete_dataset, client_id=calling.client_id, name=name)
    await run_sync(_write, database, done)


@router.post("/series", openapi_extra=_BODY)
@router.put("/series", openapi_extra=_BODY)
async def put_series(table: Sending, calling: Calling, database: CurrentDatabase) -> SeriesWritten:
    """Put observations into a dataset: what is sent replaces what is there, column by column."""
    return await run_sync(write_series, database, calling.client_id, table)


@router.get("/series", responses={200: {"content": _TABLES}, 404: _NOT_FOUND})
async def get_series(
    span: Spanning,
    media: Annotated[str, Depends(read_format)],
    calling: Calling,
    database: CurrentDatabase,
) -> Response:
    """Read observations, by item and time."""
    content = await run_sync(read_series, database, calling.client_id, span, media)
    return Response(content, media_type=media, headers={"Vary": "Accept"})


@router.delete("/series", responses={404: _NOT_FOUND})
async def delete_series(span: Spanning, calling: Calling, database: CurrentDatabase) -> SeriesDeleted:
    """Delete observations of some items, or between two dates."""
    gone = await run_sync(
        _write,
        database,
        lambda connection: delete_rows(
            connection, calling.client_id, span.dataset, span.item_ids, span.since, span.until
        ),
    )
    return SeriesDeleted(dataset=span.dataset, deleted=gone)


@router.get("/series/items", responses={404: _NOT_FOUND})
async def read_items(
    calling: Calling,
    database: CurrentDatabase,
    dataset: str = DEFAULT_DATASET,
    prefix: Annotated[str, Query(description="What the names begin with.")] = "",
    cursor: Annotated[str | None, Query(description="The `next_cursor` of the answer before.")] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_ITEMS)] = 100,
) -> ItemList:
    """List the items of a dataset, with their frequency and gaps."""
    return await run_sync(
        _read,
        database,
        lambda connection: list_items(connection, calling.client_id, dataset, prefix, cursor, limit),
    )


def _read(database: Database, done: Callable[[Connection], Answer]) -> Answer:
    with database.read() as connection:
        return done(connection)


def _write(database: Database, done: Callable[[Connection], Answer]) -> Answer:
    with database.write() as connection:
        return done(connection)
