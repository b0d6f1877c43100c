"""Files that come in pieces: counted while they come, cancelled between two, taken up where they ended."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from forecast.core.progress import current_progress

READ_TIMEOUT_SECONDS = 10.0
"""How long a server may be silent in the midst of a file."""
RETRY_SECONDS = 1.0
_ATTEMPTS = 5
_LOCK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Stream:
    """What a server sends of a file: the bytes from `start` on."""

    start: int
    chunks: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of `size` bytes on a server.

    `open_at` asks for the bytes from a place on; a server that cannot do that sends all of them.
    """

    name: str
    size: int
    open_at: Callable[[int], AbstractContextManager[Stream]]


def size_of(path: Path) -> int:
    """Return the size of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def download(file: RemoteFile, partial: Path, transient: tuple[type[Exception], ...]) -> None:
    """Add to `partial` what it lacks of a file.

    A connection that breaks (`transient`) or ends early is taken up again, until five in a row have brought
    nothing. Raises the last of these errors, OSError where the server has another size than it said,
    ShutDownError when cancelled; what has come stays in `partial`.
    """
    partial.touch()
    barren = 0
    while (start := size_of(partial)) < file.size:
        failure: Exception = OSError(f"{file.name} ended early")
        try:
            _append(file, partial, start)
        except transient as error:
            failure = error
        reached = size_of(partial)
        if reached < file.size:
            barren = 0 if reached > start else barren + 1
            if barren == _ATTEMPTS:
                raise failure
            current_progress().pause(RETRY_SECONDS)
    if size_of(partial) != file.size:
        partial.unlink()
        raise OSError(f"{file.name} is not of its size")


def _append(file: RemoteFile, partial: Path, start: int) -> None:
    progress = current_progress()
    with file.open_at(start) as stream, partial.open("ab") as target:
        if stream.start != start:
            target.truncate(0)
            progress.advance(-start)
        for chunk in stream.chunks:
            target.write(chunk)
            progress.advance(len(chunk))


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for, against other processes too; wait for it, unless cancelled."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_LOCK_SECONDS)
        except Timeout:
            current_progress().check()
        else:
            break
    try:
        yield
    finally:
        lock.release()
