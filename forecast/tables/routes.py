"""Checking a table, and the samples that are shipped."""

from datetime import UTC, datetime
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Depends, Response

from forecast.core.body import body_reader
from forecast.core.routing import guards, refusals
from forecast.core.security import Calling, CurrentSettings
from forecast.core.unparsed import UnparsedRoute
from forecast.tables.samples import list_samples
from forecast.tables.schemas import CheckedTable, CheckRequest, SamplesResponse
from forecast.tables.service import check_table, fetch

_EXAMPLE = {"data_source_url_or_path": "data/samples/retail-promotions.csv", "keep": False}
_Documented = Annotated[CheckRequest, Body(openapi_examples={"retail promotions": {"value": _EXAMPLE}})]
CheckBody = Annotated[CheckRequest, Depends(body_reader(CheckRequest, _Documented))]

router = APIRouter(
    prefix="/api/v1", tags=["tables"], dependencies=guards("discovery"), route_class=UnparsedRoute
)


async def now() -> datetime:
    """Return the time of a request."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(now)]


@router.post(
    "/tables",
    response_model=CheckedTable,
    responses=refusals(400, 403, 413, 415),
    openapi_extra={"requestBody": {"required": True}},
)
async def check(body: CheckBody, settings: CurrentSettings, principal: Calling, moment: Now) -> Response:
    """Tell what a table holds and what is in the way of a forecast; repair and keep it."""
    table = await fetch(body, settings, principal.client_id)

    def answer() -> str:
        return check_table(table, body, moment, settings, principal.client_id).model_dump_json()

    return Response(await run_sync(answer), media_type="application/json")


@router.get("/samples", responses=refusals())
async def read_samples(settings: CurrentSettings) -> SamplesResponse:
    """List the tables that are shipped."""
    return SamplesResponse(samples=await run_sync(list_samples, settings.data_dir))
