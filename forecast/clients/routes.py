"""Clients and their keys, for administrators, and who one is, for everybody."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from forecast.clients import service
from forecast.clients.authenticator import ClientAuthenticator
from forecast.clients.records import Records
from forecast.clients.schemas import Client, Clients, Keys, MadeKey, Me, NewClient, NewKey
from forecast.core.problem import describe_problem
from forecast.core.routing import guards, refusals, require_json
from forecast.core.security import Calling, CurrentSettings

_ANSWERS = refusals(403)
_NAMED = _ANSWERS | {404: describe_problem("There is no such client or key.")}
_MADE = refusals(403, 409, 415)
_ADMIN = guards("discovery", "admin")

router = APIRouter(prefix="/api/v1", tags=["clients"])


async def open_records(request: Request) -> Records:
    """Return the clients and keys of the app that serves this request."""
    return Records(request.app.state.database)


async def now() -> datetime:
    """Return the time of a request."""
    return datetime.now(UTC)


Kept = Annotated[Records, Depends(open_records)]
Now = Annotated[datetime, Depends(now)]


@router.get("/me", dependencies=guards("discovery"), responses=refusals())
async def read_me(principal: Calling, settings: CurrentSettings) -> Me:
    """Tell the caller who it is to the gateway."""
    return Me(
        client_id=principal.client_id,
        name=principal.name,
        role=principal.role,
        inferences_per_minute=principal.inferences_per_minute or settings.rate_limit_inference_per_minute,
        inferences_per_day=principal.inferences_per_day,
    )


@router.post("/clients", status_code=201, dependencies=[*_ADMIN, Depends(require_json)], responses=_MADE)
async def make_client(body: NewClient, records: Kept, moment: Now) -> Client:
    """Make a client."""
    return await records.write(service.create_client, body.client_id, body.name or body.client_id, moment)


@router.get("/clients", dependencies=_ADMIN, responses=_ANSWERS)
async def read_clients(records: Kept) -> Clients:
    """List all clients."""
    return Clients(clients=await records.read(service.list_clients))


@router.get("/clients/{client_id}", dependencies=_ADMIN, responses=_NAMED)
async def read_client(client_id: str, records: Kept) -> Client:
    """Tell of a client."""
    return await records.read(service.read_client, client_id)


@router.post(
    "/clients/{client_id}/keys",
    status_code=201,
    dependencies=[*_ADMIN, Depends(require_json)],
    responses=_NAMED | _MADE,
)
async def make_key(client_id: str, body: NewKey, records: Kept, moment: Now, response: Response) -> MadeKey:
    """Make a key of a client; its value is told this once."""
    response.headers["Cache-Control"] = "no-store"
    return await records.write(service.create_key, client_id, body, moment)


@router.get("/clients/{client_id}/keys", dependencies=_ADMIN, responses=_NAMED)
async def read_keys(client_id: str, records: Kept) -> Keys:
    """List the keys of a client, without their values."""
    return Keys(keys=await records.read(service.list_keys, client_id))


@router.delete("/keys/{key_id}", status_code=204, dependencies=_ADMIN, responses=_NAMED)
async def revoke_key(key_id: str, records: Kept, moment: Now, request: Request) -> None:
    """Revoke a key: no request with it is answered any more, here at once, in other processes within 5 s."""
    await records.write(service.revoke_key, key_id, moment)
    authenticator: ClientAuthenticator = request.app.state.authenticator
    authenticator.ring.forget(key_id)
