"""The routes of Chronos."""

from forecast.core.routing import build_model_router
from forecast.models.chronos.services.model import service

router = build_model_router(service)
