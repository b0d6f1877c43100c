"""The files that the gateway itself keeps for a client in the data directory's uploads."""

import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from forecast.core.errors import NotFoundError, TooLargeError
from forecast.core.paths import Files

SUFFIXES = (".csv", ".parquet", ".arrow", ".arrows", ".feather", ".json", ".xlsx")
_LONGEST_STEM = 60
_TOKEN_BYTES = 6
_SHOWN = 10
# One of digits alone is what somebody's own file may end in, sales-202401011230.csv for one.
_TOKEN = re.compile(rf"-(?=[0-9]*[a-f])[0-9a-f]{{{2 * _TOKEN_BYTES}}}$")
_NAME = re.compile(
    rf"[A-Za-z0-9_-]+-[0-9a-f]{{{2 * _TOKEN_BYTES}}}(?:{'|'.join(map(re.escape, SUFFIXES))})", re.ASCII
)


def new_file(name: str, suffix: str, files: Files) -> Path:
    """Return where to keep a file that a caller calls `name`; nobody can guess it, and nothing is there.

    The folder is made where there is none.
    """
    files.uploads.mkdir(parents=True, exist_ok=True)
    return files.uploads / f"{_stem(name)}-{_draw_token()}{suffix}"


def refuse_if_full(size: int, files: Files, limit: int) -> None:
    """Raise TooLargeError where so many bytes more are more than a client's kept files may take together.

    Its details name the oldest files. Those that come at the same moment do not see each other.
    """
    kept = sorted(_list_kept(files.uploads), key=lambda one: one[1].st_mtime)
    taken = sum(found.st_size for _, found in kept)
    if taken + size > limit:
        raise TooLargeError(
            f"The file has {size} bytes, and those that are kept of you have {taken} already; the limit is"
            f" {limit} together. Remove some that you need no more: DELETE /api/v1/uploads/{{name}}.",
            details={"oldest": [source_of(path) for path, _ in kept[:_SHOWN]]},
        )


def forget_files(data_dir: Path, before: float) -> tuple[int, int]:
    """Remove the files of all clients that were kept before a moment, in seconds since 1970.

    Return how many, and how many files and folders were left because that failed. Several processes may do
    so at once, and files may be removed meanwhile.
    """
    done = [_forget(path, before) for path in _list_places(data_dir / "uploads")]
    return sum(removed for removed, _ in done), sum(left for _, left in done)


def _forget(folder: Path, before: float) -> tuple[int, int]:
    try:
        old = [path for path, found in _list_kept(folder) if found.st_mtime < before]
    except OSError:  # nobody may look into it
        return 0, 1
    removed = sum(map(_remove, old))
    return removed, len(old) - removed


def _remove(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _list_places(uploads: Path) -> list[Path]:
    """Return where files may be kept: the folder of all uploads, and whatever is in it."""
    try:
        return [uploads, *_list(uploads)]
    except OSError:
        return [uploads]


def _list_kept(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files in a folder that the gateway made, not what somebody else put there."""
    for path in _list(folder):
        if not (_NAME.fullmatch(path.name) and _TOKEN.search(path.stem)):
            continue
        with suppress(FileNotFoundError):  # removed meanwhile
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                yield path, found


def _list(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def source_of(path: Path) -> str:
    """Return what its client names a kept file by."""
    return f"data/uploads/{path.name}"


def remove_file(name: str, files: Files) -> None:
    """Remove a kept file; raise NotFoundError where the client has none of this name."""
    missing = NotFoundError("There is no upload of this name.")
    if _NAME.fullmatch(name) is None:
        raise missing
    try:
        (files.uploads / name).unlink()
    except FileNotFoundError as error:
        raise missing from error


def _draw_token() -> str:
    while (token := secrets.token_hex(_TOKEN_BYTES)).isdecimal():
        pass
    return token


def _stem(name: str) -> str:
    bare = _TOKEN.sub("", PurePosixPath(name.replace("\\", "/")).stem)
    plain = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:_LONGEST_STEM] or "upload"
