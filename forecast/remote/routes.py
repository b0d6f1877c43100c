"""The routes of a model that runs in a service of its own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from forecast.core.security import Calling
from forecast.remote.forwarding import forward
from forecast.remote.service import RemoteService


def build_remote_router(model_id: str, local: APIRouter) -> APIRouter:
    """Return routes that stand before the model's own and pass their requests on to its service.

    They ask for the same keys and roles and count the same quotas; the service is asked with API_SECRET_KEY
    for the caller's client. The model's own, which no request reaches then, are what documents them.
    """

    async def find_service(request: Request) -> RemoteService:
        service: RemoteService = request.app.state.remote[model_id]
        return service

    async def pass_on(
        request: Request, principal: Calling, service: Annotated[RemoteService, Depends(find_service)]
    ) -> Response:
        """Answer what the model's service answers."""
        return await forward(service, request, principal)

    router = APIRouter()
    for route in local.routes:
        if isinstance(route, APIRoute):
            router.add_api_route(
                route.path,
                pass_on,
                methods=sorted(route.methods or ()),
                dependencies=route.dependencies,
                response_model=None,
                include_in_schema=False,
            )
    return router
