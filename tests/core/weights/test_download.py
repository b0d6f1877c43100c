from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from forecast.core import download as module
from forecast.core.download import RemoteFile, Stream, download, exclusive
from forecast.core.errors import ShutDownError
from forecast.core.progress import LoadProgress, tracked


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.01)


class Server:
    """Has a file of ten bytes, of which each request brings what is next in `brings` before it breaks."""

    def __init__(self, brings: list[int], error: type[Exception] | None = ConnectionError) -> None:
        self.brings = brings
        self.error = error
        self.starts: list[int] = []

    @contextmanager
    def open_at(self, start: int) -> Iterator[Stream]:
        self.starts.append(start)
        yield Stream(start, self._send(start, self.brings.pop(0)))

    def _send(self, start: int, count: int) -> Iterator[bytes]:
        yield b"0123456789"[start : start + count]
        if self.error is not None:
            raise self.error


def fetch(server: Server, partial: Path, size: int = 10) -> bytes:
    download(RemoteFile("weights", size, server.open_at), partial, (ConnectionError,))
    return partial.read_bytes()


def test_each_attempt_begins_where_the_last_one_ended(tmp_path: Path) -> None:
    server = Server([3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 3])
    assert fetch(server, tmp_path / "partial") == b"0123456789"
    assert server.starts == [0, 3, 3, 3, 3, 3, 7, 7, 7, 7, 7]


@pytest.mark.parametrize(("error", "told"), [(ConnectionError, ConnectionError), (None, OSError)])
def test_five_attempts_in_a_row_that_bring_nothing_are_the_end(
    tmp_path: Path, error: type[Exception] | None, told: type[Exception]
) -> None:
    server = Server([3, 0, 0, 0, 0, 0, 7], error)
    with pytest.raises(told):
        fetch(server, tmp_path / "partial")
    assert server.starts == [0, 3, 3, 3, 3, 3]
    assert (tmp_path / "partial").read_bytes() == b"012"


def test_another_error_is_not_tried_again(tmp_path: Path) -> None:
    server = Server([3, 7], ValueError)
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        fetch(server, tmp_path / "partial")
    assert server.starts == [0]


def test_a_file_that_is_there_is_not_asked_for(tmp_path: Path) -> None:
    server = Server([])
    (tmp_path / "partial").write_bytes(b"0123456789")
    assert fetch(server, tmp_path / "partial") == b"0123456789"
    assert fetch(server, tmp_path / "empty", size=0) == b""


def test_a_file_that_is_longer_than_the_server_says_is_dropped(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="weights is not of its size"):
        fetch(Server([10], None), tmp_path / "partial", size=4)
    assert not (tmp_path / "partial").exists()


def test_waiting_for_a_lock_ends_when_the_load_is_cancelled(tmp_path: Path) -> None:
    progress = LoadProgress()
    progress.cancel()
    lock = tmp_path / "lock"
    with FileLock(lock), tracked(progress), pytest.raises(ShutDownError), exclusive(lock):
        pytest.fail("the lock was held by another")


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "new" / "lock"):
        raise ZeroDivisionError
    with FileLock(tmp_path / "new" / "lock", timeout=0):
        pass
