"""Serves the page by waitress: `python -m ui [ADDRESS]`."""

import logging
import signal
import sys
from typing import Any

from pydantic import ValidationError

from ui.app import create_app
from ui.context import KEY
from ui.settings import Settings, describe_fault
from ui.sweep import sweep_again_and_again

log = logging.getLogger("ui")


def listening(settings: Settings, address: str | None = None) -> dict[str, Any]:
    """Return how waitress listens; what a proxy tells of the visitor counts where it is trusted alone."""
    place = {"host": address or settings.host, "port": settings.port, "threads": settings.threads}
    if settings.trusted_proxy is None:
        return place | {"clear_untrusted_proxy_headers": True}
    return place | {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        "clear_untrusted_proxy_headers": True,
    }


def main(address: str | None = None) -> None:
    """Serve until a signal ends it; say in a sentence which setting is wrong.

    `address` is listened on instead of UI_HOST: inside a container, whose port is published at UI_HOST.
    """
    from waitress.server import create_server

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # A line for each call of the gateway would bury the others.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"error: {describe_fault(error)}")
    app, host = create_app(settings), address or settings.host
    try:
        server = create_server(app, ident=None, **listening(settings, address))
    except OSError as error:
        sys.exit(f"error: cannot listen on {host} port {settings.port}: {error.strerror or error}")
    shared = app.extensions[KEY]
    name = f"[{host}]" if ":" in host else host
    log.info("page=started address=http://%s:%s", name, settings.port)
    shared.background.start("sweep", sweep_again_and_again(shared.store, shared.gateway))
    try:
        server.run()
    finally:
        shared.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
