"""The routes that every model has."""

from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Depends, Header, Request, Response, Security, status

from forecast.core.adapter import ModelConfig, Options
from forecast.core.body import body_reader
from forecast.core.errors import MediaTypeError
from forecast.core.inference import Call, Patience, infer
from forecast.core.lazy import preferred_wait
from forecast.core.lifecycle import ModelService
from forecast.core.media import ARROW, JSON, PARQUET, media_type
from forecast.core.notes import note
from forecast.core.parameters import request_type
from forecast.core.principal import Principal, Role
from forecast.core.problem import describe_problem
from forecast.core.progress import LoadProgress
from forecast.core.query import refuse_unknown_query
from forecast.core.rate_limit import Scope, limit
from forecast.core.reply import Replying
from forecast.core.responses import InferenceResponse
from forecast.core.schemas import (
    InitializationRequest,
    InitializationResponse,
    ModelInfo,
    Progress,
    ShutdownResponse,
    StatusResponse,
    WeightsInfo,
)
from forecast.core.security import Calling, CurrentSettings, require_role
from forecast.core.snapshot import Snapshot
from forecast.core.unparsed import UnparsedRoute

PREFIX = "/forecast/v1"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: describe_problem(text)
    for code, text in {
        400: "The data cannot be read or does not fit its definition.",
        401: "The key or token is missing, wrong, expired or revoked.",
        403: "The key's role does not allow this; or this data source or checkpoint is not allowed, or its"
        " licence not accepted.",
        409: "The model is not in a state in which this can be done.",
        413: "The body or the file is too large.",
        415: "The body is of a kind that is not read here.",
        422: "The request makes no sense, or the model cannot do it.",
        429: "Your quota for this minute or day is used up.",
        502: "The model's service ended before its answer.",
        503: "The queue is full, the model is still being loaded, its service or the database cannot be"
        " reached, quotas cannot be counted, or tokens cannot be checked.",
        504: "The deadline passed.",
    }.items()
}
SAMPLE = {
    "data_source_url_or_path": "data/samples/airline-passengers.csv",
    "data_definition": {"Passengers": "target"},
    "parameters": {"horizon_len": 12},
}


_FRAMES = {name: {"schema": {"type": "string", "format": "binary"}} for name in (ARROW, PARQUET)}
NOT_ACCEPTABLE = describe_problem("The header Accept allows no kind of answer that there is.")


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI tells of what every guarded route may answer, and of these statuses."""
    return {code: PROBLEMS[code] for code in (401, 422, 429, 503, *codes)}


async def require_json(request: Request) -> None:
    """Let JSON pass; raise MediaTypeError for any other body, such as curl's default."""
    if media_type(request.headers.get("content-type", "")) != JSON:
        raise MediaTypeError("Send the body as JSON with the header 'Content-Type: application/json'.")


async def gone(request: Request) -> None:
    """Return when the caller of a request, whose body has come, goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def build_model_router(
    service: ModelService[Any],
    initialization: type[InitializationRequest] = InitializationRequest,
    options: type[Options] = Options,
) -> APIRouter:
    """Return a model's routes: initialization, status, inference, shutdown.

    `options` are the inference parameters that only this model has, beside those of every model.
    """
    model_id = service.adapter.model_id

    async def note_model() -> None:
        note(model=model_id)

    router = APIRouter(
        prefix=f"{PREFIX}/{model_id}",
        tags=[model_id],
        responses=PROBLEMS,
        dependencies=[Depends(note_model)],
    )
    _add_lifecycle(router, service, initialization)
    _add_inference(router, service, request_type(model_id, options))
    return router


def guards(scope: Scope, role: Role = "forecast") -> list[Any]:
    """Return what every call passes: its quota, counted also for wrong keys, its key and role, its query."""
    return [Depends(limit(scope)), Security(require_role(role)), Depends(refuse_unknown_query)]


def _body(kind: Any, title: str, example: dict[str, Any]) -> Any:
    return Annotated[kind, Body(openapi_examples={title: {"value": example}})]


def _add_lifecycle(
    router: APIRouter, service: ModelService[Any], initialization: type[InitializationRequest]
) -> None:
    body_type = _body(initialization, "defaults", {})

    @router.post(
        "/initialization", dependencies=[*guards("initialization", "operator"), Depends(require_json)]
    )
    async def initialize(body: body_type, response: Response) -> InitializationResponse:  # type: ignore[valid-type]
        """Load the model; 202 when it loads behind."""
        snapshot = await run_sync(service.initialize, body)
        loading = snapshot.status == "initializing"
        response.status_code = status.HTTP_202_ACCEPTED if loading else status.HTTP_200_OK
        message = "The model is being initialized." if loading else "The model is ready."
        return InitializationResponse(
            message=message, model_status=snapshot.status, model_info=_model_info(snapshot.config)
        )

    @router.get("/status", dependencies=guards("discovery"))
    async def read_status(caller: Calling) -> StatusResponse:
        """Tell the model's state at once, whatever it is doing; why a load failed only to operators."""
        now: Snapshot[Any] = service.snapshot
        loaded = now.config if now.ready else None
        source = f"Source: {now.config.source}" if now.config else None
        return StatusResponse(
            model_status=now.status,
            details=_details(now, caller) or source,
            progress=_progress(now.progress),
            model_info=_model_info(loaded) if loaded else None,
            model_version=service.version_of(loaded) if loaded else None,
            weights=_weights_info(now),
        )

    @router.post("/shutdown", dependencies=guards("discovery", "operator"))
    async def shut_down() -> ShutdownResponse:
        """Finish what runs, drop what waits, and give the model's memory back."""
        stopped = await run_sync(service.shutdown)
        now = service.snapshot
        message = "The model was shut down." if stopped else "The model was not initialized."
        if now.draining:
            message = "The model is being shut down; what it was doing has not ended yet."
        return ShutdownResponse(message=message, model_status=now.status)


async def read_freshness(
    cache_control: Annotated[
        str | None, Header(description="`no-cache`: compute it now, whatever is remembered.")
    ] = None,
) -> bool:
    """Return whether the caller wants the forecast computed now."""
    return "no-cache" in (cache_control or "").lower()


def _add_inference(router: APIRouter, service: ModelService[Any], kind: type[Any]) -> None:
    read_body = body_reader(kind, _body(kind, "airline passengers", SAMPLE), tables=True)

    async def read_patience(
        request: Request,
        settings: CurrentSettings,
        x_deadline_ms: Annotated[int | None, Header(ge=1, description="Give up after this long.")] = None,
        prefer: Annotated[
            list[str] | None,
            Header(description="`wait=N`: give up after N seconds; 0: wait for no load."),
        ] = None,
    ) -> Patience:
        longest = service.settings.timeout_seconds
        # Compared as they are: an integer can be too large to divide.
        seconds = longest if x_deadline_ms is None else min(longest * 1000, x_deadline_ms) / 1000
        wait = preferred_wait(prefer or ())
        kept = bool(wait) if service.snapshot.ready else settings.lazy_initialization and wait is not None
        if kept:
            request.state.preference_applied = f"wait={wait}"
            seconds = min(seconds, wait) if wait else seconds
        return Patience(request.state.started, seconds, partial(gone, request), wait)

    async def infer_series(
        settings: CurrentSettings,
        principal: Calling,
        reply: Replying,
        patience: Annotated[Patience, Depends(read_patience)],
        fresh: Annotated[bool, Depends(read_freshness)],
        body: Annotated[Any, Depends(read_body)],
    ) -> Response:
        """Forecast every series of a table."""
        call = Call(principal.client_id, patience, fresh)
        return await infer(service, body, settings, call, reply.write)

    router.add_api_route(
        "/inference",
        infer_series,
        methods=["POST"],
        dependencies=guards("inference"),
        response_model=InferenceResponse,
        responses={200: {"content": _FRAMES}, 406: NOT_ACCEPTABLE},
        openapi_extra={"requestBody": {"required": True, "content": _FRAMES}},
        route_class_override=UnparsedRoute,
    )


def _details(now: Snapshot[Any], caller: Principal) -> str | None:
    if now.status != "error" or caller.may("operator"):
        return now.details
    # It can quote what another client asked for.
    return f"It could not be loaded ({now.code}); a key of the role 'operator' is told why."


def _weights_info(now: Snapshot[Any]) -> WeightsInfo | None:
    if now.ready is None or now.ready.weights is None or now.config is None:
        return None
    weights = now.ready.weights
    return WeightsInfo(
        parameters=weights.parameters,
        memory_bytes=weights.bytes,
        device=weights.device,
        precision=now.config.precision,
        fingerprint=weights.fingerprint,
    )


def _progress(load: LoadProgress | None) -> Progress | None:
    if load is None:
        return None
    now = load.figures
    return Progress(
        phase=now.phase, bytes_done=now.bytes_done, bytes_total=now.bytes_total, percent=now.percent
    )


def _model_info(config: ModelConfig | None) -> ModelInfo:
    if config is None:
        raise RuntimeError("a model that is loading or loaded has a configuration")
    return ModelInfo(
        backend=config.backend,
        precision=config.precision,
        context_len=config.context_len,
        horizon_len=config.horizon_len,
        source=config.source,
        checkpoint=config.checkpoint,
        revision=config.revision,
        accepted_licence=config.accept_licence,
    )
