"""Coming in, and how the page and its gateway are."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ui.context import context
from ui.errors import GatewayError
from ui.security import check_password, safe_target

blueprint = Blueprint("visit", __name__)
# Each open page asks again and again, and holds one of few threads as long as it waits.
_PATIENCE_SECONDS = 3.0


@blueprint.get("/login")
def show_login() -> ResponseReturnValue:
    """Ask for the password."""
    return render_template("login.html", target=safe_target(request.args.get("next", "/")))


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    """Let in who knows the password."""
    shared = context()
    check_password(request.form.get("password", ""), shared.settings, shared.attempts)
    return redirect(safe_target(request.form.get("next", "/")))


@blueprint.get("/health")
def read_health() -> tuple[dict[str, Any], int]:
    """Tell that the page answers, and whether the gateway does."""
    gateway = _gateway_state()
    return {"status": "healthy", "gateway": gateway}, 200


@blueprint.get("/banner")
def show_banner() -> ResponseReturnValue:
    """Return the banner that a gateway which is down makes, empty while it is up."""
    return render_template("parts/banner.html", gateway=_gateway_state())


@blueprint.get("/favicon.ico")
def find_icon() -> ResponseReturnValue:
    """Return where the icon is."""
    return redirect(url_for("static", filename="icon.svg"))


def _gateway_state() -> dict[str, Any]:
    shared = context()
    try:
        answer = shared.background.wait(shared.gateway.health(_PATIENCE_SECONDS))
    except GatewayError as error:
        return {"status": "unreachable", "detail": error.detail}
    return {"status": answer.get("status", "unknown"), "version": answer.get("version")}
