"""The routes of FlowState."""

from forecast.core.routing import build_model_router
from forecast.models.flowstate91m.schemas.schema import FlowStateOptions
from forecast.models.flowstate91m.services.model import service

router = build_model_router(service, options=FlowStateOptions)
