"""What Prometheus reads."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

router = APIRouter(tags=["discovery"])


@router.get("/metrics", response_class=Response)
async def read_metrics(request: Request) -> Response:
    """Tell the figures of all server processes in Prometheus' text format."""
    return Response(generate_latest(request.app.state.figures), media_type=CONTENT_TYPE_LATEST)
