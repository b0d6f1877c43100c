"""The gateway on a socket it is given: `python -m benchmarks.server FD`; settings from the environment."""

import socket
import sys
import threading

import uvicorn

from scripts.serve import KEEP_ALIVE_SECONDS, prepare_libraries


def serve(descriptor: int) -> None:
    """Serve one model until standard input ends, as it does when whoever started this is gone."""
    prepare_libraries()
    # They import Arrow, which reads the environment once.
    from benchmarks import noop
    from forecast.core.config import Settings
    from forecast.main import create_app

    settings = Settings(initialize_on_start=())
    if settings.model_name == noop.MODEL_ID:
        noop.register()
    server = uvicorn.Server(uvicorn.Config(create_app(settings), timeout_keep_alive=KEEP_ALIVE_SECONDS))
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    serve(int(sys.argv[1]))
