"""The routes of Prophet."""

from forecast.core.routing import build_model_router
from forecast.models.prophet.schemas.schema import ProphetOptions
from forecast.models.prophet.services.model import service

router = build_model_router(service, options=ProphetOptions)
