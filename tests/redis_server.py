"""A Redis server of the tests' own, on a free port of loopback; it keeps nothing beyond its end."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.ports import free_port
from tests.watcher import Watcher

PATIENCE_SECONDS = 90
_REMOVE = 'kill -KILL "$(cat "$1/pid")"; rm -rf "$1"'


def find_redis() -> Path | None:
    """Return the program of the server, or None where it is not installed."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


class RedisServer:
    """One server with a folder of its own; whoever starts it ends it, or it ends with them.

    `keeps` is whether it begins with what it had when it was killed; else each start is an empty one.
    """

    def __init__(self, program: Path, *, keeps: bool = False) -> None:
        self._program = program
        self._keeps = keeps
        self.folder = Path(tempfile.mkdtemp(prefix="sapheneia-redis-"))
        self._watcher = Watcher(_REMOVE, str(self.folder))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """The address as CELERY_BROKER_URL has it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        kept = ("--appendonly", "yes", "--appendfsync", "always") if self._keeps else ("--appendonly", "no")
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *kept)
        folder = ("--dir", str(self.folder), "--pidfile", str(self.folder / "pid"))
        self._process = subprocess.Popen([str(self._program), *options, *folder], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.ask("PING") != b"+PONG":
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            threading.Event().wait(0.02)

    def ask(self, *words: str) -> bytes:
        """Return the first line of the answer to a command; empty while nothing answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"{' '.join(words)}\r\n".encode())
                return connection.recv(4096).partition(b"\r\n")[0]
        except OSError:
            return b""

    def kill(self) -> None:
        """End it as a crash would, without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            (self.folder / "pid").unlink(missing_ok=True)
            self._process = None

    def remove(self) -> None:
        """End it and remove its folder."""
        self.kill()
        self._watcher.close()
