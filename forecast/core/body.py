"""Reading the body of a request: JSON, or a table that says in its metadata what is to be done with it."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pydantic_core
from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from forecast.core.cells import CellError
from forecast.core.data import arrow, parquet
from forecast.core.data.sent import Sent
from forecast.core.errors import MediaTypeError, RequestError
from forecast.core.frame import METADATA_KEY
from forecast.core.media import ARROW, JSON, PARQUET, media_type
from forecast.core.security import CurrentSettings
from forecast.core.unparsed import UnparsedRequest

_LARGE = 1 << 16
_KEY = METADATA_KEY.decode()
_OWN = ("data", "data_source_url_or_path")

Model = TypeVar("Model", bound=BaseModel)


def body_reader(
    kind: type[Model], documented: Any, *, tables: bool = False
) -> Callable[..., Awaitable[Model]]:
    """Return a dependency of an UnparsedRoute that gives the body as a `kind`, documented as `documented`.

    With `tables` it may be a table in Arrow or Parquet. Raises MediaTypeError for any other body, such as
    curl's default, RequestValidationError where it is no valid JSON or does not fit, DataError where a table
    is damaged. What is large is read in a thread.
    """

    async def read(request: Request, settings: CurrentSettings, body: documented = None) -> Model:
        media = _require_media(request, tables)
        content = await cast(UnparsedRequest, request).content()
        if len(content) < _LARGE and media == JSON:
            return parse(content, media, kind)
        return await run_sync(parse, content, media, kind, settings.max_request_size)

    return read


def parse(content: bytes, media: str, kind: type[Model], limit: int = 0) -> Model:
    """Return a body as a `kind`; of a table at most `limit` bytes are read to find its metadata."""
    return validate(_read_json(content) if media == JSON else _read_notes(content, media, limit), kind)


def validate(value: Any, kind: type[Model]) -> Model:
    """Return what JSON said as a `kind`; raise RequestValidationError where it does not fit."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise RequestValidationError(
            [{**fault, "loc": ("body", *fault["loc"])} for fault in faults]
        ) from error


def _require_media(request: Request, tables: bool) -> str:
    media = media_type(request.headers.get("content-type", ""))
    if media == JSON or (tables and media in (ARROW, PARQUET)):
        return media
    others = f" A table goes as {ARROW} or {PARQUET}." if tables else ""
    raise MediaTypeError(f"Send the body as JSON with the header 'Content-Type: application/json'.{others}")


def _read_json(content: bytes) -> Any:
    if not content:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
    try:
        return pydantic_core.from_json(content)
    except ValueError:
        # Half a surrogate pair, a number of thousands of digits, or no JSON: Python's reader tells which.
        return _read_odd_json(content)


def _read_odd_json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        fault = {
            "type": "json_invalid",
            "loc": ("body", error.pos),
            "ctx": {"error": error.msg},
            "msg": error.msg,
        }
        raise RequestValidationError([fault]) from error
    except (RecursionError, ValueError) as error:
        raise RequestError(
            "The body's JSON is nested too deeply, has a number too long to read, or is no UTF-8."
        ) from error


def _read_notes(content: bytes, media: str, limit: int) -> Any:
    """Return the request that a table's metadata tells, the table being its data."""
    notes = arrow.read_notes(content) if media == ARROW else parquet.read_notes(content, limit)
    told = notes.get(METADATA_KEY)
    if told is None:
        raise RequestError(
            f"The metadata of the table's schema has no key '{_KEY}'; write there, as JSON, the rest of the"
            ' request: {"data_definition": …, "parameters": …}.'
        )
    value = _read_json(told)
    if not isinstance(value, dict):
        return value
    field = next((name for name in _OWN if name in value), None)
    if field is not None:
        fault = "The body is the table; leave this out of its metadata"
        raise RequestError(f"{field}: {fault}.", errors=[CellError(fault, field=field)])
    return {**value, "data": Sent(content, "arrow" if media == ARROW else "parquet")}
