"""The page, as a Flask app."""

import logging

from flask import Flask, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError

from ui.api_client import Gateway
from ui.blueprints import data, forecasts, jobs, models, results, visit
from ui.clock import FILTERS as TIMES
from ui.context import KEY, make_context
from ui.errors import ForgedError, GatewayError, NotFoundError, PageError, PatienceError, RequestError
from ui.formats import FILTERS
from ui.security import protect
from ui.settings import Settings

_FORM_OVERHEAD = 1_000_000
_TRY_AGAIN_SECONDS = 5.0
_UNAVAILABLE = 503
log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, gateway: Gateway | None = None) -> Flask:
    """Return the page; `gateway` stands in for the one that the settings name."""
    settings = settings or Settings()
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_size + _FORM_OVERHEAD
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_upload_size + _FORM_OVERHEAD
    app.extensions[KEY] = make_context(settings, gateway)
    protect(app, settings)
    app.jinja_env.filters.update(FILTERS | TIMES)
    for views in (visit, data, models, results, jobs, forecasts):
        app.register_blueprint(views.blueprint)
    app.register_error_handler(Exception, tell)
    return app


def tell(error: Exception) -> ResponseReturnValue:
    """Return the page, or the part of it, that tells what went wrong."""
    known = _as_page_error(error)
    if isinstance(error, SecurityError):
        # No address of the page can be written under a name that is not its own.
        return known.detail, known.status, {"Content-Type": "text/plain"}
    name = "parts/problem.html" if "HX-Request" in request.headers else "problem.html"
    answer = make_response(render_template(name, error=known), known.status)
    if isinstance(error, PatienceError):
        answer.headers["Retry-After"] = str(error.retry_after)
    if "HX-Request" in request.headers:
        # A refusal is shown where forms show theirs, whatever they were to replace.
        answer.headers["HX-Retarget"] = "#problem"
        answer.headers["HX-Reswap"] = "innerHTML show:top"
    elif isinstance(error, GatewayError) and error.status == _UNAVAILABLE and request.method == "GET":
        answer.headers["Refresh"] = f"{error.retry_after or _TRY_AGAIN_SECONDS:.0f}"
    return answer


def _as_page_error(error: Exception) -> PageError:
    if isinstance(error, PageError):
        return error
    if isinstance(error, CSRFError):
        return ForgedError("Go back, load the page again, and send the form once more.")
    if isinstance(error, RequestEntityTooLarge):
        found: PageError = RequestError("The file is larger than this page takes.")
        found.status = 413
        return found
    if isinstance(error, HTTPException):
        found = NotFoundError(error.description or "There is nothing here.")
        found.status, found.title = error.code or 500, error.name
        return found
    log.error("path=%s failed=unexpected", request.path, exc_info=error)
    return PageError("The page failed; the operator's log says how. Your data is as it was.")
