"""Whether an address can be listened on, and who is in the way."""

import errno
import socket
import subprocess
import sys
from pathlib import Path

LISTENING = "0A"  # TCP_LISTEN in the state column of /proc/net/tcp
REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, never bound to


def listening_inodes(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on the port; Linux only."""
    tables = [path.read_text().splitlines()[1:] for path in Path("/proc/net").glob("tcp*")]
    rows = [line.split() for table in tables for line in table]
    return {row[9] for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port}


def holds_any(fd_folder: Path, sockets: set[str]) -> bool:
    """Return whether a process has one of the sockets open; no when it ended or belongs to someone else."""
    try:
        return any(str(fd.readlink()) in sockets for fd in fd_folder.iterdir())
    except OSError:
        return False


def find_owner(port: int) -> str:
    """Return who listens on the port as `pid 12 (its command)`, as far as this user may see it."""
    if not Path("/proc/net/tcp").exists():
        asked = subprocess.run(  # noqa: S603 - the port is a number
            ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN"],  # noqa: S607 - wherever the system has it
            capture_output=True,
            text=True,
            check=False,
        )
        return asked.stdout or "a process of another user"
    sockets = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        if holds_any(process / "fd", sockets):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"pid {process.name} ({command})"
    return "a process of another user"


def refuse_a_port_in_use(host: str, port: int, setting: str) -> None:
    """End with a sentence when the address cannot be listened on; `setting` chooses another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sys.exit(
                    f"error: port {port} is in use by {find_owner(port)};"
                    f" end that, or choose another port with {setting}"
                )
            sys.exit(f"error: cannot listen on {host} port {port}: {error.strerror or error}")
