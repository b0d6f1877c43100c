"""The compose stack of this tree, under a project, a key and ports of its own."""

import json
import os
import re
import secrets
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180
PORTS = ("API_PORT", "UI_PORT", "CHRONOS_MODEL_PORT", "STATSFORECAST_MODEL_PORT")

SAMPLE = {
    "data_source_url_or_path": "data/samples/airline-passengers.csv",
    "data_definition": {"Month": "timestamp", "Passengers": "target"},
}


def docker(*arguments: str, **env: str) -> str:
    """Run the docker client and return what it says; its errors are the test's."""
    ran = subprocess.run(
        ["docker", *arguments], cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"docker {' '.join(arguments)}\n{ran.stdout[-3000:]}\n{ran.stderr[-5000:]}"
    return ran.stdout


def find_wheels() -> dict[str, str]:
    """Return where wheels of this host lie that no index has, as `./setup.sh run-docker` finds them."""
    folders = [folder for folder in os.environ.get("PIP_FIND_LINKS", "").split() if Path(folder).is_dir()]
    return {"WHEELS": folders[0]} if folders else {}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def until(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        threading.Event().wait(0.2)


@dataclass
class Stack:
    """One project of docker-compose.yml, and of further `files` on top; `end` leaves nothing of it."""

    folder: Path
    profile: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def __post_init__(self) -> None:
        """Write the .env of this stack."""
        self.project = f"sapheneia-test-{secrets.token_hex(4)}"
        self.ports = {name: free_port() for name in PORTS}
        values = {"API_SECRET_KEY": self.key, "RATE_LIMIT_ENABLED": "false"} | self.ports | self.settings
        self.env_file = self.folder / f"{self.project}.env"
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    @property
    def environment(self) -> dict[str, str]:
        """What makes `docker compose`, in any folder, mean this stack."""
        files = [str(ROOT / name) for name in ("docker-compose.yml", *self.files)]
        return {
            "ENV_FILE": str(self.env_file),
            "COMPOSE_ENV_FILES": str(self.env_file),
            "COMPOSE_FILE": ":".join(files),
            "COMPOSE_PROFILES": self.profile,
            "COMPOSE_PROJECT_NAME": self.project,
        } | find_wheels()

    def compose(self, *arguments: str) -> str:
        return docker("compose", *arguments, **self.environment)

    def follow(self, page: str, words: str, folder: Path) -> None:
        """Do in a folder what a page says, in its block of commands that has these words."""
        blocks = re.findall(r"^```bash\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
        (code,) = (block for block in blocks if words in block)
        command = ["bash", "-euo", "pipefail", "-c", code]
        environment = os.environ | self.environment
        ran = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr

    def start(self, *services: str) -> None:
        """Start and wait until all that was started is healthy; what has no image is built before."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(PATIENCE_SECONDS), *services)

    def end(self) -> None:
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "5")

    def url(self, port: str = "API_PORT") -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    def client(self, port: str = "API_PORT", key: str = "") -> httpx.Client:
        """Return a caller with a key; without one it is the administrator's."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url(port), headers=headers, timeout=120, trust_env=False)

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("inspect", self.container(service)))[0]
        return found

    def run(self, service: str, *command: str) -> str:
        """Run a command in a service's container and return what it prints."""
        return self.compose("exec", "-T", service, *command)

    def put(self, folder: Path, service: str, place: str) -> None:
        """Copy a folder into a place of a service's container, as the user that runs there."""
        packed = folder.with_suffix(".tar")
        with tarfile.open(packed, "w") as archive:
            archive.add(folder, folder.name)
        command = ["docker", "exec", "--interactive", self.container(service), "tar", "-x", "-C", place]
        with packed.open("rb") as content:
            subprocess.run(command, stdin=content, check=True)

    def await_model(self, model_id: str, status: str = "ready", port: str = "API_PORT") -> None:
        with self.client(port) as client:
            until(lambda: bool(client.get("/health").json()["models"][model_id]["status"] == status))


def forecast(client: httpx.Client, model_id: str, **parameters: Any) -> httpx.Response:
    """Ask for twelve months of the sample."""
    body = SAMPLE | {"parameters": {"horizon_len": 12, **parameters}}
    return client.post(f"/forecast/v1/{model_id}/inference", json=body)


def points(answer: httpx.Response) -> list[float]:
    """Return the point forecasts of the only series of an answer."""
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["prediction"]["point_forecast"]
    return list(found)
