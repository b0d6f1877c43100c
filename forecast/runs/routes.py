"""Forecasting items by name, and finding every forecast again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from forecast.core.body import body_reader
from forecast.core.inference import Patience
from forecast.core.media import ARROW, CSV, JSON, PARQUET, choose_media
from forecast.core.principal import Principal
from forecast.core.problem import describe_problem
from forecast.core.routing import NOT_ACCEPTABLE, gone, guards, refusals
from forecast.core.security import Calling, CurrentSettings
from forecast.database.connection import Database
from forecast.idempotency.route import CurrentClaim, UnparsedIdempotentRoute, claim_key
from forecast.models import get_service
from forecast.runs import viewing
from forecast.runs.answering import forecast_now, tell_again
from forecast.runs.asking import check_model, make_ask
from forecast.runs.exports import FORMATS
from forecast.runs.finding import Wanted
from forecast.runs.run import RunWork
from forecast.runs.schemas import ForecastAnswer, ForecastRequest, Name, RunForecasts, Runs, Status
from forecast.runs.settings import RunSettings
from forecast.runs.work import Ask, Kind

_EXAMPLE = {"item_ids": ["A", "B"], "prediction_length": 28}
_Documented = Annotated[ForecastRequest, Body(openapi_examples={"two items": {"value": _EXAMPLE}})]
ForecastBody = Annotated[ForecastRequest, Depends(body_reader(ForecastRequest, _Documented))]

_FILES = {media: {"schema": {"type": "string", "format": "binary"}} for media in FORMATS.values()}
_NOT_FOUND = describe_problem("You have no such forecast, run or dataset.")

router = APIRouter(
    prefix="/api/v1",
    tags=["forecasts"],
    responses=refusals(),
    route_class=UnparsedIdempotentRoute,
)


async def get_database(request: Request) -> Database:
    """Return the database of the app that serves this request."""
    database: Database = request.app.state.database
    return database


async def get_run_settings(request: Request) -> RunSettings:
    """Return what may be asked of stored forecasts."""
    limits: RunSettings = request.app.state.run_settings
    return limits


Stored = Annotated[Database, Depends(get_database)]
Limits = Annotated[RunSettings, Depends(get_run_settings)]


async def read_ask(request: Request, body: ForecastBody, limits: Limits, caller: Calling) -> Ask:
    """Return who asks which model for what; raise RequestError where there is no such model."""
    ask = make_ask(body, limits.default_model, caller)
    check_model(ask.model_id, request.app.state.model_ids)
    return ask


Asked = Annotated[Ask, Depends(read_ask)]


async def read_patience(
    request: Request,
    ask: Asked,
    x_deadline_ms: Annotated[int | None, Header(ge=1, description="Give up after this long.")] = None,
) -> Patience:
    """Return how long the caller waits."""
    longest = get_service(ask.model_id).settings.timeout_seconds
    seconds = longest if x_deadline_ms is None else min(longest * 1000, x_deadline_ms) / 1000
    return Patience(request.state.started, seconds, partial(gone, request))


async def make_work(
    request: Request, settings: CurrentSettings, limits: Limits
) -> Callable[[float], RunWork]:
    """Return what makes the work of a caller who waits so many seconds."""
    state = request.app.state
    return partial(RunWork, settings, limits, state.database, state.services, state.places)


async def retell_forecast(request: Request, caller: Principal, run_id: str) -> Response:
    """Return the answer to whoever asked for a forecast before that was kept as a run."""
    told = await run_sync(tell_again, request.app.state.database, caller.client_id, run_id)
    return Response(told, media_type=JSON)


@router.post(
    "/forecast",
    response_model=ForecastAnswer,
    dependencies=[*guards("inference"), Depends(claim_key(retell_forecast))],
    responses={**refusals(409, 413, 415, 502, 504), 404: _NOT_FOUND},
    openapi_extra={"requestBody": {"required": True}},
)
async def forecast(
    request: Request,
    ask: Asked,
    settings: CurrentSettings,
    patience: Annotated[Patience, Depends(read_patience)],
    work: Annotated[Callable[[float], RunWork], Depends(make_work)],
    claim: CurrentClaim,
) -> Response:
    """Forecast items of the history by name; an item that fails says why without failing the others."""
    service = request.app.state.services.get(ask.model_id)
    return Response(await forecast_now(work, ask, service, settings, patience, claim), media_type=JSON)


async def read_wanted(  # noqa: PLR0913, PLR0917 - one filter each
    model: Annotated[Name | None, Query(description="Of this model.")] = None,
    dataset: Annotated[Name | None, Query(description="Of this dataset.")] = None,
    item_id: Annotated[Name | None, Query(description="That have this item.")] = None,
    status: Annotated[Status | None, Query(description="In this state.")] = None,
    kind: Annotated[Kind | None, Query(description="By name (`forecast`) or of a table.")] = None,
    created_after: Annotated[AwareDatetime | None, Query(description="Asked for then or later.")] = None,
    created_before: Annotated[AwareDatetime | None, Query(description="Asked for earlier.")] = None,
) -> Wanted:
    """Return which runs are asked for."""
    return Wanted(model, dataset, item_id, status, kind, created_after, created_before)


@router.get("/forecasts", response_model=Runs, dependencies=guards("data"))
async def list_forecasts(
    caller: Calling,
    database: Stored,
    wanted: Annotated[Wanted, Depends(read_wanted)],
    limit: Annotated[int, Query(ge=1, le=1000, description="The most runs in an answer.")] = 50,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of an answer.")] = None,
) -> Response:
    """List your runs, the newest first."""
    told = await run_sync(viewing.list_runs, database, caller.client_id, wanted, limit, cursor)
    return Response(told, media_type=JSON)


async def read_media(
    format: Annotated[  # noqa: A002 - what the parameter is called
        Literal["json", "csv", "parquet", "arrow"] | None,
        Query(description="The format, whatever the header `Accept` says."),
    ] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> str:
    """Return the media type of the answer; raise NotAcceptableError where there is none like that."""
    if format is None:
        return choose_media(accept, (JSON, CSV, ARROW, PARQUET))
    return FORMATS.get(format, JSON)


@dataclass(frozen=True, slots=True)
class Page:
    """Which items of a run are asked for."""

    item_id: Annotated[Name | None, Query(description="Only this item.")] = None
    status: Annotated[
        Literal["succeeded", "failed"] | None, Query(description="Only such items, in an answer of JSON.")
    ] = None
    limit: Annotated[int, Query(ge=1, le=10_000, description="The most items in an answer of JSON.")] = 1000
    cursor: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="`next_cursor` of an answer of JSON.")
    ] = None


@router.get(
    "/forecasts/{forecast_id}",
    response_model=RunForecasts,
    dependencies=guards("data"),
    responses={200: {"content": _FILES}, 404: _NOT_FOUND, 406: NOT_ACCEPTABLE},
)
async def read_forecasts(
    forecast_id: str,
    caller: Calling,
    database: Stored,
    page: Annotated[Page, Depends()],
    media: Annotated[str, Depends(read_media)],
) -> Response:
    """Return a run with its items, or the one item of a forecast; as a file, all items that it has."""
    if media == JSON:
        told = await run_sync(viewing.tell, database, caller.client_id, forecast_id, page)
        return Response(told, media_type=JSON, headers={"Vary": "Accept"})
    parts = await run_sync(viewing.export, database, caller.client_id, forecast_id, page.item_id, media)
    return StreamingResponse(parts, media_type=media, headers={"Vary": "Accept"})


@router.delete(
    "/forecasts/{forecast_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=guards("data"),
    responses={404: _NOT_FOUND, 409: describe_problem("The run has not ended yet.")},
)
async def delete_forecasts(forecast_id: str, caller: Calling, database: Stored) -> None:
    """Delete a run with its items, or the forecast of one."""
    await run_sync(viewing.remove, database, caller.client_id, forecast_id)
