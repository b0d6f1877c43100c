"""Apps on real servers, in threads of the tests' own process."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from scripts.serve import KEEP_ALIVE_SECONDS


@contextmanager
def serving(**config: Any) -> Iterator[Callable[[FastAPI], str]]:
    """Yield what starts an app on a free port and returns host and port; all end with the context."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: FastAPI) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        # As the real server does: by uvicorn's own 5 s it would close what a caller just uses.
        config.setdefault("timeout_keep_alive", KEEP_ALIVE_SECONDS)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, **config))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            threading.Event().wait(0.005)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, _ in running:
        server.should_exit = True
    for _, thread in running:
        thread.join()
