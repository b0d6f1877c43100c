"""The routes of statsforecast."""

from forecast.core.routing import build_model_router
from forecast.core.schemas import InitializationRequest
from forecast.models.statsforecast.schemas.schema import StatsforecastOptions
from forecast.models.statsforecast.services.model import service

router = build_model_router(service, InitializationRequest, StatsforecastOptions)
