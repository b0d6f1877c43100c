"""A PostgreSQL server of the tests' own, on a free port of loopback."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.ports import free_port
from tests.watcher import Watcher

PATIENCE_SECONDS = 60
_REMOVE = '"$1" -D "$2" -m immediate stop; rm -rf "$2"'


def find_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, or None where it is not installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    return max(found, default=Path(on_path).parent if on_path else None)


class PostgresServer:
    """One server with a folder of its own; whoever starts it ends it, or it ends with them."""

    def __init__(self, binaries: Path) -> None:
        self.spare: list[str] = []
        """Empty databases that a test may take."""
        self.shape = ""
        """What tells that a database has the tables of an empty one."""
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="sapheneia-postgres-"))
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._watcher = Watcher(_REMOVE, str(binaries / "pg_ctl"), str(self.folder), user=self._user)
        self.port = free_port()
        self._run("initdb", "-U", "tests", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-t", str(PATIENCE_SECONDS), "-l", log, "-o", options, "start")

    def kill(self) -> None:
        """End it as a crash would: without a word to those who are connected."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def remove(self) -> None:
        """End it and remove its folder."""
        self._watcher.close()

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return f"postgresql+psycopg://tests@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), "-D", str(self.folder), *arguments]
        subprocess.run(
            command, user=self._user, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_SECONDS * 2
        )
