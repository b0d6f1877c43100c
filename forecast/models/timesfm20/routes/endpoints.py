"""The routes of TimesFM 2.0."""

from forecast.core.routing import build_model_router
from forecast.models.timesfm20.services.model import service

router = build_model_router(service)
