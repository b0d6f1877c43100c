"""Handing over long work, looking after it, and cancelling it."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Depends, Query, Request, Response

from forecast.core.body import body_reader
from forecast.core.media import ARROW, JSON, PARQUET
from forecast.core.principal import Principal
from forecast.core.problem import describe_problem
from forecast.core.routing import guards, refusals
from forecast.core.security import Calling
from forecast.idempotency.keys import Claim
from forecast.idempotency.route import CurrentClaim, UnparsedIdempotentRoute, claim_key
from forecast.jobs.bodies import ForecastJob, InferenceJob, JobBody, read_ask
from forecast.jobs.creation import cancel_job, create_job
from forecast.jobs.desk import Jobs
from forecast.jobs.listing import list_jobs, read_job
from forecast.jobs.schemas import Job, JobFilters, JobPage
from forecast.jobs.webhooks.sending import check_receiver

_FRAMES = {name: {"schema": {"type": "string", "format": "binary"}} for name in (ARROW, PARQUET)}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: describe_problem("You have no such job."),
}
_ENDED: dict[int | str, dict[str, Any]] = {
    409: describe_problem("The job has ended already."),
}
_EXAMPLES: dict[str, Any] = {
    "items of the history": {"value": {"item_ids": ["A", "B"], "prediction_length": 28}},
    "a table": {
        "value": {
            "model": "statsforecast",
            "data_source_url_or_path": "data/samples/airline-passengers.csv",
            "data_definition": {"Passengers": "target"},
            "parameters": {"horizon_len": 12},
        }
    },
}

router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=refusals())
read_body = body_reader(
    JobBody, Annotated[ForecastJob | InferenceJob, Body(openapi_examples=_EXAMPLES)], tables=True
)


async def find_desk(request: Request) -> Jobs:
    """Return what jobs are written down and handed out with."""
    desk: Jobs = request.app.state.jobs
    return desk


Desk = Annotated[Jobs, Depends(find_desk)]
Filters = Annotated[JobFilters, Query()]


def hand_over(desk: Jobs, body: JobBody, caller: Principal, claim: Claim | None) -> Job:
    """Create the job that a body asks for, and return it."""
    asked = body.root
    job_id = create_job(desk, read_ask(asked, caller, desk.limits.default_model), asked.webhook, claim)
    return read_job(desk.database, caller.client_id, job_id)


def cancel(desk: Jobs, caller: Calling, job_id: str) -> Job:
    """Cancel a job, and return it."""
    cancel_job(desk, caller.client_id, job_id)
    return read_job(desk.database, caller.client_id, job_id)


async def read_sendable(request: Request, body: Annotated[JobBody, Depends(read_body)]) -> JobBody:
    """Return the body; raise ForbiddenError or RequestError where its webhook cannot be sent."""
    if body.root.webhook is not None:
        await check_receiver(body.root.webhook.url, request.app.state.webhook_settings)
    return body


async def post_job(
    desk: Desk,
    caller: Calling,
    response: Response,
    claim: CurrentClaim,
    body: Annotated[JobBody, Depends(read_sendable)],
) -> Job:
    """Hand over a forecast of items of the history, or of a table, to be made behind."""
    job = await run_sync(hand_over, desk, body, caller, claim)
    response.headers["Location"] = _locate(job.job_id)
    return job


async def retell_job(request: Request, caller: Principal, job_id: str) -> Response:
    """Return the answer to whoever handed over a job before, as it is now."""
    job = await run_sync(read_job, request.app.state.database, caller.client_id, job_id)
    return Response(job.model_dump_json(), 202, {"Location": _locate(job_id)}, JSON)


def _locate(job_id: str) -> str:
    return f"/api/v1/forecast-jobs/{job_id}"


router.add_api_route(
    "/forecast-jobs",
    post_job,
    methods=["POST"],
    status_code=202,
    dependencies=[*guards("inference"), Depends(claim_key(retell_job))],
    responses={**refusals(400, 403, 409, 413, 415), 404: describe_problem("You have no such dataset.")},
    openapi_extra={"requestBody": {"required": True, "content": _FRAMES}},
    route_class_override=UnparsedIdempotentRoute,
)


@router.get("/forecast-jobs", dependencies=guards("data"))
async def get_jobs(desk: Desk, caller: Calling, filters: Filters) -> JobPage:
    """List your jobs, the newest first."""
    return await run_sync(list_jobs, desk.database, caller.client_id, filters)


@router.get("/forecast-jobs/{job_id}", dependencies=guards("data"), responses=_NOT_FOUND)
async def get_job(desk: Desk, caller: Calling, job_id: str) -> Job:
    """Tell how far a job is."""
    return await run_sync(read_job, desk.database, caller.client_id, job_id)


@router.delete("/forecast-jobs/{job_id}", dependencies=guards("data"), responses={**_NOT_FOUND, **_ENDED})
async def delete_job(desk: Desk, caller: Calling, job_id: str) -> Job:
    """Cancel a job that waits or runs; what is done already stays readable."""
    return await run_sync(cancel, desk, caller, job_id)
