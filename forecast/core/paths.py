"""The data directory: which files a caller may name, and reading them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from forecast.core.data.text import is_unicode
from forecast.core.errors import DataError, ForbiddenError

CONTAINER_DATA = PurePosixPath("/app/data")
_LOCAL = "local://"
_SHOWN = 200


@contextmanager
def open_data_file(name: str, data_dir: Path) -> Iterator[BinaryIO]:
    """Open the file that a caller names.

    Raises ForbiddenError where the name leads out of the data directory, DataError where there is no
    such regular file.
    """
    path = locate_data_file(name, data_dir)
    try:
        # A pipe without a writer would block the open, and a link put there meanwhile would be followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError as error:
        raise DataError(f"Local file cannot be read: {_short(name)} (permission denied)") from error
    except OSError as error:
        raise DataError(f"Local file not found: {_short(name)}") from error
    try:
        _refuse_irregular(os.fstat(descriptor).st_mode, _short(name))
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def _refuse_irregular(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise DataError(f"This is a folder, not a file: {name}")
    if not stat.S_ISREG(mode):
        raise DataError(f"This is not a regular file: {name}")


def locate_data_file(name: str, data_dir: Path) -> Path:
    """Return the resolved path inside the data directory that a name stands for; it need not exist.

    A name is relative to the data directory, with or without a leading `data/` or `local://`; a bare
    name is looked up in `uploads`, then `samples`, then the directory itself. `/app/data` means the
    same directory everywhere. Raises ForbiddenError where the name leads out of it.
    """
    root = Path(os.path.realpath(data_dir))
    candidates = _candidates(name, root)
    chosen = next((path for path in candidates if os.path.lexists(path)), candidates[-1])
    path = Path(os.path.realpath(chosen))
    if not path.is_relative_to(root):
        raise ForbiddenError("The path leads out of the data directory; only files under data/ can be read.")
    return path


def _candidates(name: str, root: Path) -> list[Path]:
    if "\0" in name or not is_unicode(name):
        raise DataError("The file's name has a character that no file name can have.")
    path = PurePosixPath(name.removeprefix(_LOCAL))
    if not path.parts:
        raise DataError("The file's name is empty.")
    if path.is_relative_to(CONTAINER_DATA):
        return [root / path.relative_to(CONTAINER_DATA)]
    if path.is_absolute():
        return [Path(path)]
    if path.parts[0] == "data":
        return [root.joinpath(*path.parts[1:])]
    if len(path.parts) == 1 and path.name != "..":
        return [root / "uploads" / path, root / "samples" / path, root / path]
    return [root / path]


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN else name[:_SHOWN] + "…"
