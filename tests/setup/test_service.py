import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.setup.clone import STAND_IN, Clone, is_alive

DRAINING = """
import os, pathlib
told_to_end = pathlib.Path("draining")
async def app(scope, receive, send):
    if scope["type"] == "http":
        ends = told_to_end.exists()
        await send({"type": "http.response.start", "status": 503 if ends else 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"status":"draining"}' if ends else b"ready"})
        if ends:
            told_to_end.unlink()
            os._exit(0)
"""


@pytest.fixture
def stranger() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        yield process.pid
        process.terminate()


def test_a_start_forecasts_the_sample_and_the_printed_curl_line_forecasts_it_again(
    clone: Clone, port: str
) -> None:
    started = clone.run("run-venv", "forecast", "api", API_PORT=port)

    assert started.returncode == 0, started.stderr
    assert f"http://127.0.0.1:{port}/docs" in started.stdout
    assert "Checked with a forecast of the sample: " in started.stdout
    key = (clone.folder / ".env").read_text().partition("API_SECRET_KEY=")[2].splitlines()[0]
    assert key not in started.stdout + started.stderr
    curl = started.stdout.splitlines()[-1]
    pasted = subprocess.run(
        ["/bin/bash", "-c", curl], cwd=clone.folder, env=clone.env, capture_output=True, text=True, check=True
    )
    checked = started.stdout.partition("Checked with a forecast of the sample: ")[2].splitlines()[0]
    points = json.loads(pasted.stdout)["prediction"]["point_forecast"][0]
    assert ", ".join(f"{point:.1f}" for point in points) == checked
    assert len(points) == 12


def test_the_api_runs_in_a_session_of_its_own_until_it_is_stopped(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)
    settings = {"API_PORT": port, "INITIALIZE_ON_START": "prophet", "MODEL_NAME": "chronos"}

    started = clone.run("run-venv", "api", STAND_IN="200 ready", **settings)
    assert started.returncode == 0, started.stderr
    pid = clone.pid
    assert os.getsid(pid) == pid
    again = clone.run("run-venv", "api", **settings)
    assert again.returncode == 0
    assert f"Already running: pid {pid}, " in again.stdout
    assert clone.pid == pid
    stopped = clone.run("stop", "forecast")
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped the API (pid {pid}).\n")
    assert not is_alive(pid)
    assert not clone.pid_file.exists()


def test_an_api_that_was_told_to_end_is_waited_for_and_started_again(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(DRAINING)
    started = clone.run("run-venv", "api", API_PORT=port, INITIALIZE_ON_START="none")
    assert started.returncode == 0, started.stderr
    pid = clone.pid
    (clone.folder / "draining").touch()

    again = clone.run("run-venv", "api", API_PORT=port, INITIALIZE_ON_START="none")

    assert again.returncode == 0, again.stderr
    assert "Already running" not in again.stdout
    assert "Sapheneia is ready.\n" in again.stdout
    assert not is_alive(pid)
    assert is_alive(clone.pid)


def test_a_killed_api_is_started_again(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)
    settings = {"API_PORT": port, "INITIALIZE_ON_START": "none", "STAND_IN": "200 ready"}
    assert clone.run("run-venv", "api", **settings).returncode == 0
    pid = clone.pid
    os.kill(pid, 9)

    again = clone.run("run-venv", "api", **settings)

    assert again.returncode == 0, again.stderr
    assert clone.pid != pid
    assert is_alive(clone.pid)


def test_an_api_that_neither_answers_nor_ends_is_told(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)
    settings = {"API_PORT": port, "INITIALIZE_ON_START": "none", "READY_SECONDS": "0"}
    draining = '503 {"status":"draining"}'
    assert clone.run("run-venv", "api", STAND_IN=draining, **settings).returncode == 1

    refused = clone.run("run-venv", "api", **settings)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: the API (pid {clone.pid}) does not answer, or was told to end and has not in 0 s; "
        "end it with: ./setup.sh stop forecast\n"
    )


def test_a_start_begins_its_console_anew_and_keeps_the_one_before(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)
    console = clone.folder / "logs/forecast.out"
    console.parent.mkdir()
    console.write_text("earlier words")

    started = clone.run("run-venv", "api", API_PORT=port, INITIALIZE_ON_START="none", STAND_IN="200 ready")

    assert started.returncode == 0, started.stderr
    assert "earlier words" not in console.read_text()
    assert console.with_name("forecast.out.1").read_text() == "earlier words"


def test_the_log_file_alone_has_the_lines_of_the_api_and_logs_shows_them(clone: Clone, port: str) -> None:
    settings = {"API_PORT": port, "INITIALIZE_ON_START": "none", "LOG_DIR": "logs/of api"}

    assert clone.run("run-venv", "api", **settings).returncode == 0

    assert (clone.folder / "logs/forecast.out").read_text() == ""
    lines = (clone.folder / "logs/of api/forecast.log").read_text()
    assert lines.count("Application startup complete.") == 1
    assert "Application startup complete." in clone.run("logs").stdout


def test_the_environment_gives_the_key_where_it_overrides_the_file(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)
    answer = '200 {"prediction": {"point_forecast": [[1.0, 2.5]]}}'

    started = clone.run("run-venv", "api", API_PORT=port, API_SECRET_KEY="from-outside", STAND_IN=answer)

    assert started.returncode == 0, started.stderr
    assert "Key   the environment variable API_SECRET_KEY" in started.stdout
    assert 'Bearer $API_SECRET_KEY"' in started.stdout
    assert "from-outside" not in started.stdout
    assert "Checked with a forecast of the sample: 1.0, 2.5\n" in started.stdout


def test_stop_says_so_when_nothing_runs(clone: Clone) -> None:
    stopped = clone.run("stop", "forecast")

    assert stopped.returncode == 0
    assert stopped.stdout == "Nothing runs that this folder's run-venv started.\n"


@pytest.mark.parametrize("content", ["", "not a number", "99999999"])
def test_a_stale_pid_file_is_cleared_away(clone: Clone, content: str) -> None:
    clone.pid_file.parent.mkdir()
    clone.pid_file.write_text(content)

    stopped = clone.run("stop")

    assert stopped.returncode == 0
    assert stopped.stdout == "Nothing runs that this folder's run-venv started.\n"
    assert not clone.pid_file.exists()


def test_stop_spares_a_process_that_only_got_the_number_of_an_earlier_start(
    clone: Clone, stranger: int
) -> None:
    clone.pid_file.parent.mkdir()
    clone.pid_file.write_text(f"{stranger}\n")

    stopped = clone.run("stop")

    assert stopped.stdout == "Nothing runs that this folder's run-venv started.\n"
    assert is_alive(stranger)


def test_a_port_in_use_is_an_error_that_names_the_process(clone: Clone) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        refused = clone.run("run-venv", "api", API_PORT=str(port))

    assert refused.returncode == 1
    assert f"error: port {port} is in use by pid {os.getpid()} (" in refused.stderr
    assert not clone.pid_file.exists()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("192.0.2.1", "cannot listen on 192.0.2.1 port 8000: Cannot assign requested address"),
        ("nowhere.invalid", "cannot listen on nowhere.invalid port 8000: "),
    ],
)
def test_an_address_that_this_machine_has_not_is_an_error(clone: Clone, host: str, sentence: str) -> None:
    refused = clone.run("run-venv", "api", API_HOST=host, API_PORT="8000")

    assert refused.returncode == 1
    assert sentence in refused.stderr


def test_wrong_settings_are_named_without_their_values(clone: Clone) -> None:
    refused = clone.run(
        "run-venv", "api", API_PORT="80o0", ENVIRONMENT="staging", API_SECRET_KEY="short-secret"
    )

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == "error: the settings in .env or the environment are not valid"
    assert "API_PORT: " in refused.stderr
    assert "ENVIRONMENT: " in refused.stderr
    assert "short-secret" not in refused.stderr


def test_wrong_settings_of_a_model_are_named_too(clone: Clone) -> None:
    refused = clone.run("run-venv", "api", CHRONOS_DEFAULT_CONTEXT_LEN="abc")

    assert refused.returncode == 1
    assert "  CHRONOS_DEFAULT_CONTEXT_LEN: Input should be a valid integer" in refused.stderr


def test_an_api_that_dies_while_it_starts_shows_its_last_words(clone: Clone, port: str) -> None:
    clone.replace_the_gateway('raise RuntimeError("the disk is full")')

    refused = clone.run("run-venv", "api", API_PORT=port)

    assert refused.returncode == 1
    assert "RuntimeError: the disk is full" in refused.stderr
    assert "error: the API ended while it started" in refused.stderr
    assert not clone.pid_file.exists()


@pytest.mark.parametrize("now", [True, False])
def test_the_last_words_are_also_those_in_the_log_file_but_of_this_start(
    clone: Clone, port: str, *, now: bool
) -> None:
    log = clone.folder / "logs/forecast.log"
    log.parent.mkdir()
    log.write_text("an earlier start\n")
    write = 'open("logs/forecast.log", "a").write("the database is locked\\n"); ' if now else ""
    clone.replace_the_gateway(f'{write}raise RuntimeError("the end")')

    refused = clone.run("run-venv", "api", API_PORT=port)

    assert ("the database is locked" in refused.stderr) is now
    assert ("an earlier start" in refused.stderr) is now
    assert "RuntimeError: the end" in refused.stderr


def test_a_model_that_cannot_be_loaded_at_start_is_told_at_once(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)
    answer = '503 {"models": {"chronos": {"status":"error"}}, "details": "The Hub cannot be reached."}'

    refused = clone.run("run-venv", "api", API_PORT=port, STAND_IN=answer)

    assert refused.returncode == 1
    assert "error: the API runs, but a model that it loads at its start failed:\n" in refused.stderr
    assert "  chronos: The Hub cannot be reached.\n" in refused.stderr


def test_an_api_that_is_not_ready_in_time_goes_on_and_can_be_stopped(clone: Clone, port: str) -> None:
    clone.replace_the_gateway(STAND_IN)

    refused = clone.run("run-venv", "api", API_PORT=port, STAND_IN="503 not ready", READY_SECONDS="0")
    pid = clone.pid

    assert refused.returncode == 1
    assert "error: the API is not ready after 0 s and goes on starting" in refused.stderr
    assert is_alive(pid)
    assert clone.run("stop").stdout == f"Stopped the API (pid {pid}).\n"
