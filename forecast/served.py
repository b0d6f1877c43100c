"""Which models this process serves, and where each of them runs."""

from fastapi import FastAPI

from forecast.core.config import Settings
from forecast.core.readiness import Readiness
from forecast.models import get_available_models, get_router, get_service, require_active, require_settings
from forecast.remote.place import find_places


def hold_models(app: FastAPI, settings: Settings) -> None:
    """Let the app's state have the models, each here or in a service of its own.

    Raises SettingsError where a setting names no model, or one of a model's own is wrong.
    """
    served = _choose(settings)
    require_settings(served)
    urls = _choose_remote(settings)
    app.state.model_ids = served
    app.state.places = find_places(urls)
    app.state.services = {model_id: get_service(model_id) for model_id in served if model_id not in urls}
    app.state.remote = {}  # those at the places, while the app runs
    app.state.readiness = Readiness(app.state.services, _required(settings, served))


def include_models(app: FastAPI, settings: Settings) -> None:
    """Let the app answer for the models that its state has."""
    for model_id in app.state.places:
        from forecast.remote.routes import build_remote_router  # with httpx, which takes a while

        router = build_remote_router(model_id, get_router(model_id))
        app.include_router(router, max_body_size=settings.max_request_size)
    for model_id in app.state.model_ids:
        app.include_router(get_router(model_id), max_body_size=settings.max_request_size)


def _choose(settings: Settings) -> list[str]:
    if settings.model_name == "all":
        return get_available_models()
    require_active("MODEL_NAME", [settings.model_name])
    return [settings.model_name]


def _choose_remote(settings: Settings) -> dict[str, str]:
    require_active("MODEL_SERVICE_URLS", list(settings.model_service_urls))
    # A process of one model serves it itself: so the gateway and its services can share one .env.
    return settings.model_service_urls if settings.model_name == "all" else {}


def _required(settings: Settings, served: list[str]) -> list[str]:
    require_active("INITIALIZE_ON_START", settings.initialize_on_start)
    return [name for name in settings.initialize_on_start if name in served]
