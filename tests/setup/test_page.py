"""`run-venv all`: the page beside the API."""

import json
import os
import socket
import urllib.request

import pytest

from tests.setup.clone import STAND_IN, Clone, is_alive

HEALTHY = '200 {"status": "healthy", "version": "1"}'


@pytest.fixture
def settings(clone: Clone, port: str, page_port: str) -> dict[str, str]:
    """Free ports, and in the place of the gateway one that is healthy and loads nothing."""
    clone.replace_the_gateway(STAND_IN)
    return {
        "API_PORT": port,
        "UI_PORT": page_port,
        "INITIALIZE_ON_START": "none",
        "STAND_IN": HEALTHY,
        "READY_SECONDS": "60",
    }


def test_all_starts_both_and_tells_the_address_of_the_page_first(
    clone: Clone, settings: dict[str, str], port: str, page_port: str
) -> None:
    started = clone.run("run-venv", "forecast", "all", **settings)

    assert started.returncode == 0, started.stderr
    told = started.stdout.partition("Sapheneia is ready.\n")[2].splitlines()
    assert told[:2] == [f"  Page  http://127.0.0.1:{page_port}", f"  API   http://127.0.0.1:{port}"]
    with urllib.request.urlopen(f"http://127.0.0.1:{page_port}/health") as answer:
        assert json.load(answer)["gateway"] == {"status": "healthy", "version": "1"}
    assert os.getsid(clone.page_pid) == clone.page_pid

    pids = (clone.page_pid, clone.pid)
    stopped = clone.run("stop", "forecast")
    assert stopped.stdout == f"Stopped the page (pid {pids[0]}).\nStopped the API (pid {pids[1]}).\n"
    assert not any(is_alive(pid) for pid in pids)
    assert not clone.page_pid_file.exists()
    assert "Traceback" not in (clone.folder / "logs/page.out").read_text()


def test_the_page_joins_an_api_that_runs_and_neither_is_started_twice(
    clone: Clone, settings: dict[str, str], page_port: str
) -> None:
    clone.run("run-venv", "api", **settings)
    assert not clone.page_pid_file.exists()
    pid = clone.pid

    # The API runs where it was started, whatever the settings say now.
    joined = clone.run("run-venv", "all", **(settings | {"API_PORT": "1"}))
    assert joined.returncode == 0, joined.stderr
    assert f"Already running: pid {pid}, " in joined.stdout
    assert f"  Page  http://127.0.0.1:{page_port}" in joined.stdout
    page_pid = clone.page_pid

    again = clone.run("run-venv", "all", **settings)
    assert again.returncode == 0
    assert again.stdout.count("Already running: pid ") == 2
    assert "Stop it with: ./setup.sh stop forecast" in again.stdout
    assert (clone.pid, clone.page_pid) == (pid, page_pid)


def test_a_page_that_ended_is_started_again_beside_the_api(clone: Clone, settings: dict[str, str]) -> None:
    clone.run("run-venv", "all", **settings)
    pid, page_pid = clone.pid, clone.page_pid
    clone.page_pid_file.write_text("99999999")
    os.kill(page_pid, 15)
    while is_alive(page_pid):
        pass

    started = clone.run("run-venv", "all", **settings)

    assert started.returncode == 0, started.stderr
    assert clone.pid == pid
    assert clone.page_pid != page_pid


def test_a_port_of_the_page_in_use_is_told_before_anything_starts(
    clone: Clone, settings: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = str(listener.getsockname()[1])

        refused = clone.run("run-venv", "all", **(settings | {"UI_PORT": taken}))

    assert refused.returncode == 1
    assert f"error: port {taken} is in use by pid {os.getpid()} (" in refused.stderr
    assert "choose another port with UI_PORT" in refused.stderr
    assert not clone.pid_file.exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"UI_PORT": "80o80"}, "  UI_PORT: "),
        ({"UI_HOST": "0.0.0.0"}, "set UI_PASSWORD, or UI_ALLOW_OPEN=true"),
    ],
)
def test_wrong_settings_of_the_page_are_told_before_anything_starts(
    clone: Clone, settings: dict[str, str], changes: dict[str, str], sentence: str
) -> None:
    refused = clone.run("run-venv", "all", **(settings | changes))

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "80o80" not in refused.stderr
    assert not clone.pid_file.exists()


def test_one_port_for_both_is_told_before_anything_starts(
    clone: Clone, settings: dict[str, str], port: str
) -> None:
    refused = clone.run("run-venv", "all", **(settings | {"UI_PORT": port}))

    assert refused.returncode == 1
    assert f"error: API_PORT and UI_PORT are both {port}" in refused.stderr
    assert not clone.pid_file.exists()


def test_a_page_that_dies_while_it_starts_shows_its_last_words(
    clone: Clone, settings: dict[str, str]
) -> None:
    (clone.folder / "ui/app.py").write_text('raise RuntimeError("the disk is full")')

    refused = clone.run("run-venv", "all", **settings)

    assert refused.returncode == 1
    assert "RuntimeError: the disk is full" in refused.stderr
    assert "error: the page ended while it started" in refused.stderr
    assert not clone.page_pid_file.exists()
    assert is_alive(clone.pid)


def test_a_page_that_does_not_reach_the_api_in_time_can_be_stopped(
    clone: Clone, settings: dict[str, str]
) -> None:
    assert clone.run("run-venv", "api", **settings).returncode == 0  # it is ready in its own time

    refused = clone.run(
        "run-venv", "all", **(settings | {"UI_API_BASE_URL": "http://127.0.0.1:1", "READY_SECONDS": "3"})
    )

    assert refused.returncode == 1
    assert "error: the page is not ready after 3 s and goes on starting" in refused.stderr
    assert is_alive(clone.page_pid)
    assert "Stopped the page (pid " in clone.run("stop").stdout
