import logging
import logging.handlers
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecast.core import logs
from forecast.core.logs import LOG_FILE, configure_logging

log = logging.getLogger("forecast.test")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes the log file after the test."""
    yield
    for handler in logging.getLogger("forecast").handlers:
        handler.close()


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


def test_a_log_file_holds_ten_megabytes(tmp_path: Path) -> None:
    configure_logging("INFO", tmp_path)
    (file,) = [
        handler
        for handler in logging.getLogger("forecast").handlers
        if isinstance(handler, logging.handlers.RotatingFileHandler)
    ]
    assert (file.maxBytes, file.backupCount) == (10_485_760, 5)


def test_a_line_that_utf8_cannot_hold_is_escaped(tmp_path: Path) -> None:
    configure_logging("INFO", tmp_path)
    log.info("name=%s", "\ud800")
    assert r"name=\ud800" in (tmp_path / LOG_FILE).read_text()
