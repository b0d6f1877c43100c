"""The data directory: which files a client may name, and reading them."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from forecast.core.config import Settings
from forecast.core.data.text import is_unicode
from forecast.core.errors import DataError, ForbiddenError
from forecast.core.principal import DEFAULT_CLIENT

CONTAINER_DATA = PurePosixPath("/app/data")
_LOCAL = "local://"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Files:
    """The data directory as one client sees it; what is `hidden` nobody reads."""

    data_dir: Path
    client_id: str
    hidden: frozenset[Path] = frozenset()

    @property
    def uploads(self) -> Path:
        """The folder of the client's own files."""
        folder = self.data_dir / "uploads"
        return folder if self.client_id == DEFAULT_CLIENT else folder / self.client_id


def files_of(client_id: str, settings: Settings) -> Files:
    """Return the data directory as a client sees it."""
    return Files(settings.data_dir, client_id, settings.database_files)


@contextmanager
def open_data_file(name: str, files: Files) -> Iterator[BinaryIO]:
    """Open the file that a client names.

    Raises ForbiddenError where the name leads out of the data directory, DataError where the client has
    no such regular file.
    """
    path = locate_data_file(name, files)
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


def locate_data_file(name: str, files: Files) -> Path:
    """Return the resolved path inside the data directory that a name stands for; it need not exist.

    A name is relative to the data directory, with or without a leading `data/` or `local://`; a bare
    name is looked up in `uploads`, then `samples`, then the directory itself. `/app/data` means the
    same directory everywhere. What is called `uploads` are the client's own. Raises ForbiddenError where
    the name leads out of the directory, DataError where it leads to what the client may not read.
    """
    root = Path(os.path.realpath(files.data_dir))
    candidates = [_own(path, root, files) for path in _candidates(name, root)]
    chosen = next((path for path in candidates if os.path.lexists(path)), candidates[-1])
    path = Path(os.path.realpath(chosen))
    if not path.is_relative_to(root):
        raise ForbiddenError("The path leads out of the data directory; only files under data/ can be read.")
    if not _is_shown(path, root, files):
        raise DataError(f"Local file not found: {_short(name)}")
    return path


def _own(path: Path, root: Path, files: Files) -> Path:
    """Return a path in `uploads` as one of the client's own folder."""
    if files.client_id == DEFAULT_CLIENT:
        return path
    plain = Path(os.path.normpath(path))
    uploads = root / "uploads"
    return uploads / files.client_id / plain.relative_to(uploads) if plain.is_relative_to(uploads) else plain


def _is_shown(path: Path, root: Path, files: Files) -> bool:
    """Return whether a client may know of what a resolved path leads to."""
    if path in files.hidden or any(part.startswith(".") for part in path.relative_to(root).parts):
        return False
    uploads = Path(os.path.realpath(root / "uploads"))
    if files.client_id != DEFAULT_CLIENT:
        folders = (uploads / files.client_id, Path(os.path.realpath(root / "samples")))
        return any(path.is_relative_to(folder) for folder in folders)
    # A folder in `uploads` is that of the client whose name it has.
    return (
        not path.is_relative_to(uploads) or path == uploads or (path.parent == uploads and not path.is_dir())
    )


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
