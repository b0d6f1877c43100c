"""The fake model as a registry entry points to it."""

from forecast.core.adapter import Options
from forecast.core.routing import build_model_router
from forecast.core.schemas import InitializationRequest
from tests.fakes import FakeAdapter, make_service

adapter = FakeAdapter()
service = make_service(adapter)
router = build_model_router(service, InitializationRequest, Options)
