"""What the views of one app share."""

from dataclasses import dataclass

from flask import current_app

from ui.api_client import Gateway
from ui.archive import Archive
from ui.attempts import Attempts
from ui.background import Background
from ui.runs import Runs
from ui.settings import Settings
from ui.store import Store
from ui.tables import Tables

KEY = "sapheneia"


@dataclass(frozen=True, slots=True)
class Context:
    """The settings of an app, its gateway, what visitors have brought and made, and how they came in."""

    settings: Settings
    gateway: Gateway
    archive: Archive
    background: Background
    store: Store
    tables: Tables
    runs: Runs
    attempts: Attempts

    def close(self) -> None:
        """End what runs and the connections to the gateway."""
        self.background.close(self.gateway.close())


def make_context(settings: Settings, gateway: Gateway | None = None) -> Context:
    """Return the context of an app; tests give a gateway of their own."""
    gateway = gateway or Gateway(settings.api_base_url, settings.api_key.get_secret_value())
    store, background = Store(settings.state_dir, settings.lifetime_hours), Background()
    tables, runs = Tables(store, gateway), Runs(store, gateway, background)
    archive = Archive(gateway.connection)
    return Context(settings, gateway, archive, background, store, tables, runs, Attempts())


def context() -> Context:
    """Return the context of the app that answers now."""
    found: Context = current_app.extensions[KEY]
    return found
