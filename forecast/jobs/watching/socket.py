"""The events of a job over a WebSocket."""

import asyncio
import logging

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from forecast.core.errors import SapheneiaError
from forecast.core.query import refuse_unknown
from forecast.jobs.watching.handshake import authenticate, has_allowed_origin, read_authorization
from forecast.jobs.watching.position import find_position
from forecast.jobs.watching.stream import KEEP_ALIVE_SECONDS
from forecast.jobs.watching.watcher import Watch, Watcher

log = logging.getLogger("forecast.access")

DONE, GOING_AWAY = 1000, 1001
_OF_ERRORS = 4000
"""What is added to the status of an error, and gives the code that a WebSocket is closed with."""
_LONGEST_REASON = 120
_POSITION = "last_event_id"

router = APIRouter(prefix="/api/v1/ws")


@router.websocket("/jobs/{job_id}")
async def follow_job(socket: WebSocket, job_id: str) -> None:
    """Tell what happens to a job, as JSON messages {id, event, data}, until its end."""
    if not has_allowed_origin(socket):
        await socket.close()  # before it is accepted: the browser is answered 403
        return
    await socket.accept()
    try:
        code, reason = await _follow(socket, job_id), ""
    except SapheneiaError as error:
        code, reason = _OF_ERRORS + error.status, error.detail
    except WebSocketDisconnect as gone:
        code, reason = gone.code, ""
    if socket.application_state == socket.client_state == WebSocketState.CONNECTED:
        await socket.close(code, reason.encode()[:_LONGEST_REASON].decode(errors="ignore"))
    log.info("method=WEBSOCKET path=/api/v1/ws/jobs/{job_id} code=%s", code)


async def _follow(socket: WebSocket, job_id: str) -> int:
    """Send all events and return the code to close with."""
    principal = await authenticate(socket, await read_authorization(socket))
    refuse_unknown(socket.query_params, [_POSITION])
    given = socket.query_params.get(_POSITION)
    state = socket.app.state
    after = await find_position(state.database, principal.client_id, job_id, given)
    if after is None:
        return DONE
    watcher: Watcher = state.watcher
    with watcher.watch(principal.client_id, job_id, after) as watch:
        leaving = asyncio.create_task(_close_when_gone(socket, watch))
        try:
            return await _send_all(socket, watch)
        finally:
            leaving.cancel()


async def _send_all(socket: WebSocket, watch: Watch) -> int:
    async for news in watch.follow(KEEP_ALIVE_SECONDS):
        if news is not None:  # the server itself pings
            await socket.send_json({"id": news.sequence, "event": news.kind, "data": news.job})
            if news.kind == "ended":
                return DONE
    return GOING_AWAY


async def _close_when_gone(socket: WebSocket, watch: Watch) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass  # whatever else a caller says is of no interest
    watch.close()
