import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "ENV_FILE": "/nonexistent", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "ui"],
        cwd=folder,
        env={**env, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "UI_API_KEY: Field required"),
        ({"API_SECRET_KEY": "k", "UI_HOST": "0.0.0.0"}, "set UI_PASSWORD, or UI_ALLOW_OPEN=true"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_a_sentence(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    refused = start(tmp_path, **settings)

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: the settings in .env or the environment are not valid\n")
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_in_use_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        refused = start(tmp_path, API_SECRET_KEY="k", UI_PORT=port)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"error: cannot listen on 127.0.0.1 port {port}: Address already in use"
    )
    assert "Traceback" not in refused.stderr
