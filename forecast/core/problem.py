"""The one shape in which errors leave the gateway: application/problem+json (RFC 9457)."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import (
    AuthenticationError,
    MethodNotAllowedError,
    NotFoundError,
    RequestError,
    SapheneiaError,
    TooLargeError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_SCHEMAS = "#/components/schemas/{model}"


class ProblemCell(BaseModel):
    """One fault, addressed by column and row of the table or by field of the request."""

    message: str
    column: str | None = None
    row: int | None = None
    field: str | None = None


class Problem(BaseModel):
    """What went wrong, for people (`detail`) and for programs (`error`)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request ID.")
    error: str = Field(description="A stable code.")
    details: dict[str, Any]
    errors: list[ProblemCell]


class ProblemResponse(JSONResponse):
    """JSON that can quote whatever JSON a caller sent, half a surrogate pair included."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Return the JSON in UTF-8; what that lacks is escaped as JSON escapes it."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def describe_problem(description: str) -> dict[str, Any]:
    """Return how OpenAPI tells of an answer that is a problem.

    It names the schema of Problem instead of the class, for which FastAPI would build one a route and status.
    """
    schema = {"$ref": _SCHEMAS.format(model=Problem.__name__)}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def problem_response(error: SapheneiaError, request_id: str) -> JSONResponse:
    """Return the response that tells an error."""
    body = {
        "type": f"urn:sapheneia:error:{error.code.lower().replace('_', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request_id,
        "error": error.code,
        "details": error.details,
        "errors": [
            {"message": e.message, "column": e.column, "row": e.row, "field": e.field} for e in error.errors
        ],
    }
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, AuthenticationError):
        headers["WWW-Authenticate"] = "Bearer"
    return ProblemResponse(body, error.status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Make the app tell all errors it foresees as problems, in OpenAPI too; the middleware tells the rest."""

    async def tell(request: Request, error: Exception) -> JSONResponse:
        told = _as_sapheneia(request, error)
        if told.status == 500:
            log.error("error=%s detail=%r", told.code, told.detail, exc_info=told)
        # A WebSocket has no ID; one that is refused gets the problem in the place of its connection.
        return problem_response(told, getattr(request.state, "request_id", "-"))

    for kind in (SapheneiaError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, tell)
    app.openapi = partial(_add_schemas, app.openapi)  # type: ignore[method-assign] # as FastAPI's docs have it


def _add_schemas(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what OpenAPI tells of an app, with the schemas that `describe_problem` names."""
    told = make()
    _, schemas = models_json_schema([(Problem, "serialization")], ref_template=_SCHEMAS)
    told.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
    return told


def _as_sapheneia(request: Request, error: Exception) -> SapheneiaError:
    if isinstance(error, SapheneiaError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid_request(error)
    if isinstance(error, HTTPException):
        return _http_error(request, error)
    raise error


def _http_error(request: Request, error: HTTPException) -> SapheneiaError:
    where = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        models = ", ".join(request.app.state.model_ids)
        return NotFoundError(f"Nothing answers {where}. The models here are {models}; see /docs.")
    if error.status_code == 405:
        return MethodNotAllowedError(f"{where}: this address does not take {request.method}; see /docs.")
    if error.status_code == 413:
        return TooLargeError(f"{where}: the body is larger than the limit of this address.")
    return RequestError(str(error.detail))


def _invalid_request(error: RequestValidationError) -> RequestError:
    faults = [_fault(item) for item in error.errors()]
    first = faults[0]
    place = f"{first.field}: " if first.field else ""
    more = f" ({len(faults)} faults in all)" if len(faults) > 1 else ""
    return RequestError(f"{place}{first.message}{more}.", errors=faults[:MOST_ERRORS])


def _fault(item: Mapping[str, Any]) -> CellError:
    steps = [str(step) for step in item["loc"] if step != "body"]
    message = _say(item)
    if item["type"] == "json_invalid":
        return CellError(f"The body is not valid JSON: {item.get('ctx', {}).get('error', message)}")
    if item["type"] == "missing" and not steps:
        return CellError("The body is empty; send JSON")
    return CellError(message, field=".".join(steps) or None)


def _say(item: Mapping[str, Any]) -> str:
    """Return what a fault says, without what pydantic puts before the words of a ValueError of ours."""
    said = str(item["msg"]).rstrip(".")
    if item["type"] != "value_error":
        return said
    own = said.removeprefix("Value error, ")
    return own[:1].upper() + own[1:]
