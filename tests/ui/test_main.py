import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]


def start(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "ENV_FILE": "/nonexistent", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "ui", *arguments],
        cwd=folder,
        env={**env, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_says_where_it_is_in_one_line_and_nothing_of_what_goes_well(tmp_path: Path) -> None:
    port = str(free_port())
    env = {"PATH": os.environ["PATH"], "ENV_FILE": "/nonexistent", "PYTHONPATH": str(ROOT)}
    env |= {"API_SECRET_KEY": "k", "UI_PORT": port, "UI_API_BASE_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "-m", "ui"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as page:
        assert page.stderr is not None
        first = page.stderr.readline()
        answer = httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, timeout=60)
        page.terminate()
        rest = page.stderr.read()

    assert first.endswith(f"INFO ui page=started address=http://127.0.0.1:{port}\n")
    assert (answer.status_code, rest) == (200, "")


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


def test_in_a_container_it_listens_where_it_is_told_and_answers_under_the_names_of_where_it_is_published(
    tmp_path: Path,
) -> None:
    port = str(free_port())
    env = {"PATH": os.environ["PATH"], "ENV_FILE": "/nonexistent", "PYTHONPATH": str(ROOT)}
    env |= {"API_SECRET_KEY": "k", "UI_PORT": port, "UI_API_BASE_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "-m", "ui", "127.0.0.2"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as page:
        assert page.stderr is not None
        first = page.stderr.readline()
        url = f"http://127.0.0.2:{port}/health"
        with httpx.Client(trust_env=False, timeout=60) as client:
            known = client.get(url, headers={"Host": "localhost"})
            foreign = client.get(url, headers={"Host": "elsewhere.example"})
        page.terminate()

    assert first.endswith(f"address=http://127.0.0.2:{port}\n")
    assert (known.status_code, foreign.status_code) == (200, 400)


def test_being_published_beyond_this_host_needs_a_password_in_a_container_too(tmp_path: Path) -> None:
    refused = start(tmp_path, "0.0.0.0", API_SECRET_KEY="k", UI_HOST="192.0.2.1")

    assert refused.returncode == 1
    assert "set UI_PASSWORD, or UI_ALLOW_OPEN=true" in refused.stderr
