"""The events of a job as a stream of server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from forecast.core.media import EVENT_STREAM
from forecast.core.problem import describe_problem
from forecast.core.routing import guards, refusals
from forecast.core.security import Calling
from forecast.jobs.watching.position import find_position
from forecast.jobs.watching.watcher import Watch, Watcher

KEEP_ALIVE_SECONDS = 15.0
_RECONNECT_MS = 2000
# Neither a cache nor nginx may hold events back.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

router = APIRouter(prefix="/api/v1", tags=["jobs"], dependencies=guards("data"))


async def open_watch(
    request: Request,
    calling: Calling,
    job_id: str,
    last_event_id: Annotated[
        str | None, Header(description="Go on after this event; browsers send it when they connect again.")
    ] = None,
    seen: Annotated[
        str | None,
        Query(alias="last_event_id", description="The same where no header can be sent; the header wins."),
    ] = None,
) -> AsyncIterator[Watch | None]:
    """Give a watch of the job, None where nothing more will come."""
    given = last_event_id or seen
    after = await find_position(request.app.state.database, calling.client_id, job_id, given)
    if after is None:
        yield None
        return
    watcher: Watcher = request.app.state.watcher
    with watcher.watch(calling.client_id, job_id, after) as watch:
        yield watch


Watched = Annotated[Watch | None, Depends(open_watch)]
_RESPONSES = {
    **refusals(),
    404: describe_problem("You have no such job."),
    200: {"description": "The events, until the job's end.", "content": {EVENT_STREAM: {}}},
    204: {"description": "The job has ended, and its last event was seen."},
}


@router.get("/forecast-jobs/{job_id}/events", response_class=StreamingResponse, responses=_RESPONSES)
async def stream_events(watch: Watched) -> Response:
    """Tell what happens to a job as it happens, each time with the job as it is then.

    The `id` of an event goes into `Last-Event-ID` to go on after it; the stream ends after `ended`.
    """
    if watch is None:
        return Response(status_code=204)
    return StreamingResponse(write_events(watch), media_type=EVENT_STREAM, headers=_HEADERS)


async def write_events(watch: Watch) -> AsyncIterator[bytes]:
    """Yield the events as they are sent, and comments that keep the connection open."""
    yield format_sse_event(retry=_RECONNECT_MS)
    async for news in watch.follow(KEEP_ALIVE_SECONDS):
        if news is None:
            yield KEEPALIVE_COMMENT
        else:
            data = json.dumps(news.job, separators=(",", ":"))
            yield format_sse_event(event=news.kind, data_str=data, id=str(news.sequence))
