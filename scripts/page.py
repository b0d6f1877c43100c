"""What setup.sh asks of the page: `claim` its address before the start, then `serve` it."""

import os
import sys

from pydantic import ValidationError

from scripts.ports import REACHABLE, refuse_a_port_in_use
from ui.settings import Settings, describe_fault


def claim() -> None:
    """Print `port reachable-host` for the start, or say what stands in its way."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"error: {describe_fault(error)}")
    refuse_a_port_in_use(settings.host, settings.port, "UI_PORT")
    sys.stdout.write(f"{settings.port} {REACHABLE.get(settings.host, settings.host)}\n")


def serve() -> None:
    """Serve the page in a session of its own, so that it outlives the terminal it was started from."""
    from ui import __main__ as page  # not needed by the claim

    os.setsid()
    page.main()


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    match arguments:
        case ["claim"]:
            claim()
        case ["serve", "--folder", _, "--port", _]:  # by which setup.sh knows the process again
            serve()
        case _:
            sys.exit("usage: python -m scripts.page claim | serve --folder FOLDER --port PORT")


if __name__ == "__main__":
    main(sys.argv[1:])
