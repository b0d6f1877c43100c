"""The servers of the tests end with whoever started them."""

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.databases import require
from tests.postgres import find_binaries
from tests.redis_server import find_redis

PATIENCE_SECONDS = 60
FIND = {"PostgresServer": find_binaries, "RedisServer": find_redis}
MODULES = {"PostgresServer": "tests.postgres", "RedisServer": "tests.redis_server"}
START = """
from pathlib import Path
from {module} import {server}
server = {server}(Path({program!r}))
server.start()
print(server.port, server.folder, flush=True)
input()
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("server", list(FIND))
def test_a_server_ends_with_a_process_that_is_killed_and_leaves_nothing(server: str) -> None:
    program = FIND[server]()
    require(program, server)
    code = START.format(module=MODULES[server], server=server, program=str(program))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        port, folder = starter.stdout.readline().split()
        assert listens(int(port))

        starter.kill()
        assert starter.wait(PATIENCE_SECONDS) == -signal.SIGKILL

    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(folder).exists() or listens(int(port)):
        assert time.monotonic() < deadline, "the server is still there, or its folder"
        threading.Event().wait(0.02)
