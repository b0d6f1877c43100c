"""The data directory: which files a caller may name, and reading them."""

import os
import stat
from pathlib import Path, PurePosixPath

from forecast.core.data.text import is_unicode
from forecast.core.errors import DataError, ForbiddenError, TooLargeError

CONTAINER_DATA = PurePosixPath("/app/data")
_LOCAL = "local://"
_SHOWN = 200


def read_data_file(name: str, data_dir: Path, limit: int) -> bytes:
    """Return the content of the file that a caller names.

    `limit` is in bytes. Raises ForbiddenError where the name leads out of the data directory, DataError
    where there is no such regular file, TooLargeError above the limit, before anything is read.
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
        return _read(descriptor, _short(name), limit)
    finally:
        os.close(descriptor)


def _read(descriptor: int, name: str, limit: int) -> bytes:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise DataError(f"This is a folder, not a file: {name}")
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"This is not a regular file: {name}")
    content = b""
    if status.st_size <= limit:
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    # A file may grow while it is read.
    if max(status.st_size, len(content)) > limit:
        raise TooLargeError(f"The file {name} is larger than the limit of {limit} bytes.")
    return content


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
