"""A copy of this tree in which the real setup.sh runs."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

STAND_IN = """
import os
async def app(scope, receive, send):
    if scope["type"] == "http":
        status, body = os.environ["STAND_IN"].split(" ", 1)
        await send({"type": "http.response.start", "status": int(status), "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})
"""


@dataclass
class Clone:
    """The copy, and the environment in which its setup.sh runs: this test run's Python, and no settings."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run setup.sh with these arguments and additional environment variables."""
        return subprocess.run(
            ["./setup.sh", *arguments],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def replace_the_gateway(self, source: str) -> None:
        """Put another program in the place of forecast/main.py."""
        (self.folder / "forecast/main.py").write_text(source)

    @property
    def pid_file(self) -> Path:
        return self.folder / "run/forecast.pid"

    @property
    def page_pid_file(self) -> Path:
        return self.folder / "run/page.pid"

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    @property
    def page_pid(self) -> int:
        return int(self.page_pid_file.read_text())

    def end(self) -> None:
        """End what a failed test left running."""
        files = (self.pid_file, self.page_pid_file)
        if any(file.exists() for file in files):
            self.run("stop")
        for file in files:
            if file.exists():
                os.kill(int(file.read_text()), signal.SIGKILL)


def copy_tree(folder: Path) -> Clone:
    """Copy what setup.sh needs of this tree into an empty folder."""
    for name in ("forecast", "ui", "scripts", "data/samples"):
        unwanted = shutil.ignore_patterns("__pycache__", "tests", "local", "documentation")
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for name in ("setup.sh", "pyproject.toml", "requirements.lock", ".env.template"):
        shutil.copy(ROOT / name, folder / name)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "VENV": sys.prefix,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Clone(folder, env)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not yet waited for does not."""
    asked = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return state.strip()[:1] not in {"", "Z"}
