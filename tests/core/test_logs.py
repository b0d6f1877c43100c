import errno
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from forecast.core import logs
from forecast.core.log_file import SharedFileHandler
from forecast.core.logs import LOG_FILE, LogFormat, configure_logging
from forecast.core.notes import Notes
from tests.conftest import AUTHORIZED, KEY, MakeApp
from tests.core.conftest import PREFIX, REQUEST

log = logging.getLogger("forecast.test")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes the log file after the test."""
    yield
    for handler in logging.getLogger("forecast").handlers:
        handler.close()


def numbers_in(folder: Path) -> list[int]:
    lines = "".join(path.read_text() for path in folder.iterdir() if path.is_file()).splitlines()
    return sorted(int(line.rpartition("=")[2]) for line in lines)


def test_a_full_log_file_is_put_away_and_the_oldest_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_MOST_BYTES", 1_000)
    configure_logging("INFO", tmp_path)
    for number in range(200):
        log.info("number=%d", number)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {LOG_FILE, *(f"{LOG_FILE}.{age}" for age in range(1, 6))}
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    assert "number=199" in (tmp_path / LOG_FILE).read_text()
    kept = (tmp_path / f"{LOG_FILE}.1").read_text() + (tmp_path / LOG_FILE).read_text()
    numbers = [int(line.rpartition("=")[2]) for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 200))


_WRITER = """
import logging, sys
from pathlib import Path
from forecast.core import logs

logs._MOST_BYTES, logs._OLD_FILES = 5_000, 100
logs.configure_logging("ERROR", Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
for number in range(500):
    logging.getLogger("forecast.test").error("writer=%s number=%d", sys.argv[2], number)
"""


def test_processes_that_write_one_file_lose_no_line_when_it_is_put_away(tmp_path: Path) -> None:
    folder, console = tmp_path / "logs", tmp_path / "console"
    with ExitStack() as stack:
        shown = stack.enter_context(console.open("a"))
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _WRITER, str(folder), name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=shown,
                    text=True,
                )
            )
            for name in "abcd"
        ]
        assert [writer.stdout.readline() for writer in writers if writer.stdout] == ["ready\n"] * 4
        for writer in writers:  # all at once, from here on
            if writer.stdin:
                writer.stdin.close()
        assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    assert "Traceback" not in console.read_text()
    lines = "".join(path.read_text() for path in folder.iterdir()).splitlines()
    told = sorted(line.partition(" request_id=- ")[2] for line in lines)
    assert told == sorted(f"writer={name} number={number}" for name in "abcd" for number in range(500))
    assert len(list(folder.iterdir())) > 30


def test_a_line_goes_to_the_new_file_where_somebody_else_took_the_old_one_away(tmp_path: Path) -> None:
    configure_logging("INFO", tmp_path)
    for number in range(3):
        log.info("number=%d", number)
        (tmp_path / LOG_FILE).rename(tmp_path / str(number))
    assert [(tmp_path / str(number)).read_text()[-2:] for number in range(3)] == ["0\n", "1\n", "2\n"]


def test_where_files_cannot_be_locked_no_line_is_lost_and_no_descriptor_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("forecast.core.log_file.fcntl.flock", refuse)
    monkeypatch.setattr(logs, "_MOST_BYTES", 1_000)
    configure_logging("INFO", tmp_path, console=False)
    log.info("number=0")
    opened = len(list(Path("/dev/fd").iterdir()))
    for number in range(1, 40):
        log.info("number=%d", number)
    assert len(list(Path("/dev/fd").iterdir())) == opened
    assert capfd.readouterr().err == ""
    assert numbers_in(tmp_path) == list(range(40))
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())


def test_a_full_log_file_that_cannot_be_put_away_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(source)

    monkeypatch.setattr(logs, "_MOST_BYTES", 1_000)
    configure_logging("INFO", tmp_path, console=False)
    with monkeypatch.context() as locked:
        locked.setattr("os.rename", refuse)
        for number in range(40):
            log.info("number=%d", number)
        assert [path.name for path in tmp_path.iterdir()] == [LOG_FILE]
        assert numbers_in(tmp_path) == list(range(40))
    log.info("number=40")
    assert (tmp_path / LOG_FILE).read_text().count("\n") == 1
    assert numbers_in(tmp_path) == list(range(41))
    assert capfd.readouterr().err == ""


def test_a_log_folder_that_was_removed_is_made_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "var/logs"
    configure_logging("INFO", folder, console=False)
    log.info("number=0")
    shutil.rmtree(tmp_path / "var")
    log.info("number=1")
    log.info("number=2")
    assert numbers_in(folder) == [1, 2]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("console", [True, False])
def test_lines_go_to_the_console_where_that_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], *, console: bool
) -> None:
    configure_logging("INFO", tmp_path, console=console)
    log.info("number=7")
    assert ("number=7" in capfd.readouterr().err) is console
    assert "number=7" in (tmp_path / LOG_FILE).read_text()


def test_a_log_file_holds_ten_megabytes(tmp_path: Path) -> None:
    configure_logging("INFO", tmp_path)
    (file,) = [
        handler
        for handler in logging.getLogger("forecast").handlers
        if isinstance(handler, SharedFileHandler)
    ]
    assert (file.maxBytes, file.backupCount) == (10_485_760, 5)


def test_a_line_that_utf8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    configure_logging("INFO", tmp_path)
    log.info("name=%s", "\ud800")
    assert r"name=\ud800" in (tmp_path / LOG_FILE).read_text()


def test_a_line_of_json_has_what_a_line_of_text_has(tmp_path: Path) -> None:
    def write(style: LogFormat) -> str:
        configure_logging("INFO", tmp_path / style, style)
        log.info("number=%d", 3)
        log.info(Notes(method="GET", path="/x", status=200, ms=1.5, trace_id=None))
        return (tmp_path / style / LOG_FILE).read_text()

    text = [line.partition(" level=")[2] for line in write("text").splitlines()]
    assert text == [
        "INFO logger=forecast.test request_id=- number=3",
        "INFO logger=forecast.test request_id=- method=GET path=/x status=200 ms=1.5",
    ]
    told = [json.loads(line) for line in write("json").splitlines()]
    times = [line.pop("time") for line in told]
    common = {"level": "INFO", "logger": "forecast.test", "request_id": "-"}
    assert told == [
        common | {"message": "number=3"},
        common | {"method": "GET", "path": "/x", "status": 200, "ms": 1.5},
    ]
    assert all(time.endswith("+00:00") and len(time) == 29 for time in times)


def test_an_exception_is_one_line_of_json(tmp_path: Path) -> None:
    configure_logging("INFO", tmp_path, "json")
    try:
        raise ZeroDivisionError("nothing")
    except ZeroDivisionError:
        log.exception("error=%s", "INTERNAL_ERROR")
    (line,) = (tmp_path / LOG_FILE).read_text().splitlines()
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("ERROR", "error=INTERNAL_ERROR")
    assert told["exception"].endswith("ZeroDivisionError: nothing")


def test_a_forecast_leaves_one_line_with_its_model_its_series_and_the_name_of_its_key(
    make_app: MakeApp,
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "mine", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    app = make_app(log_format="json")
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        assert client.post(f"{PREFIX}/inference", json=REQUEST, headers=headers).status_code == 200
    lines = (app.state.settings.log_dir / LOG_FILE).read_text().splitlines()
    (told,) = [one for one in map(json.loads, lines) if one["request_id"] == "mine"]
    assert told.pop("ms") > 0
    assert len(told.pop("time")) == 29
    assert told == {
        "level": "INFO",
        "logger": "forecast.access",
        "request_id": "mine",
        "trace_id": trace,
        "method": "POST",
        "path": f"{PREFIX}/inference",
        "status": 200,
        "client": "default",
        "key": "default",
        "model": "fake",
        "series": 1,
    }
    assert not any(KEY in line for line in lines)


def test_a_request_that_fails_leaves_two_lines_at_most(make_app: MakeApp) -> None:
    app = make_app(log_format="json")

    @app.get("/crash")
    def crash() -> None:
        raise ZeroDivisionError

    with TestClient(app) as client:
        client.get("/crash", headers={"X-Request-ID": "crash"})
        client.post(f"{PREFIX}/inference", json=REQUEST, headers={"X-Request-ID": "stranger"})
    lines = [json.loads(line) for line in (app.state.settings.log_dir / LOG_FILE).read_text().splitlines()]
    assert [one["level"] for one in lines if one["request_id"] == "crash"] == ["ERROR", "INFO"]
    (stranger,) = [one for one in lines if one["request_id"] == "stranger"]
    assert (stranger["status"], stranger["model"], "key" in stranger) == (401, "fake", False)
