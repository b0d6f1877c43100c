import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from tests.conftest import MakeApp

ServeJobs = Callable[..., str]


@pytest.fixture
def serve_jobs(make_app: MakeApp, database_url: str) -> Iterator[ServeJobs]:
    """Starts the gateway on the database, WebSockets and all, and returns host and port."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(**changes: Any) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        app: FastAPI = make_app(database_url=database_url, **changes)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=10))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            threading.Event().wait(0.005)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()
