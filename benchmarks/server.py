"""The gateway on a socket it is given: `python -m benchmarks.server FD`; settings from the environment."""

import socket
import sys

import uvicorn

from benchmarks import noop
from forecast.core.config import Settings
from forecast.main import create_app


def serve(descriptor: int) -> None:
    """Serve one model until told to stop."""
    settings = Settings()
    if settings.model_name == noop.MODEL_ID:
        noop.register()
    listener = socket.socket(fileno=descriptor)
    uvicorn.Server(uvicorn.Config(create_app(settings), lifespan="on")).run(sockets=[listener])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
