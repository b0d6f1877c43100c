"""The routes of TimesFM 2.5."""

from forecast.core.routing import build_model_router
from forecast.models.timesfm25.schemas.schema import TimesFM25Options
from forecast.models.timesfm25.services.model import service

router = build_model_router(service, options=TimesFM25Options)
