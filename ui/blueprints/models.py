"""The second step: the models, loaded and let go."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from ui.context import context
from ui.errors import NotFoundError

blueprint = Blueprint("models", __name__, url_prefix="/models")
_WORDS = {
    "uninitialized": "Not loaded; it is loaded when it is needed",
    "initializing": "Loading",
    "ready": "Ready",
    "error": "Did not load",
}


@blueprint.get("/<model>/state")
def show_state(model: str) -> ResponseReturnValue:
    """Return the state of a model, with the progress of its load."""
    return render_template("parts/state.html", model=model, state=_state(model), words=_WORDS)


@blueprint.post("/<model>/load")
def load(model: str) -> ResponseReturnValue:
    """Begin to load a model."""
    shared = context()
    _state(model)
    shared.background.wait(shared.gateway.initialize(model))
    return show_state(model)


@blueprint.post("/<model>/cancel")
def cancel(model: str) -> ResponseReturnValue:
    """End the load of a model, or let it go."""
    shared = context()
    _state(model)
    shared.background.wait(shared.gateway.shut_down(model))
    return show_state(model)


def _state(model: str) -> dict[str, Any]:
    """Return a model's state; the progress of its load, or why it failed, costs a call that is counted."""
    shared = context()
    states = shared.background.wait(shared.gateway.health())["models"]
    if model not in states:
        raise NotFoundError("There is no such model.")
    status = states[model]["status"]
    look = {"initializing": shared.gateway.glance, "error": shared.gateway.progress}.get(status)
    told = {"details": None} if look is None else shared.background.wait(look(model))
    # What a glance tells may be of an earlier load.
    return {**told, "model_status": status}
