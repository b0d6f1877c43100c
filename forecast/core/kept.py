"""The files that the gateway itself keeps for a client in the data directory's uploads."""

import re
import secrets
import unicodedata
from pathlib import Path, PurePosixPath

from forecast.core.errors import NotFoundError
from forecast.core.paths import Files

SUFFIXES = (".csv", ".parquet", ".arrow", ".arrows", ".feather", ".json", ".xlsx")
_LONGEST_STEM = 60
_TOKEN_BYTES = 6
_TOKEN = re.compile(rf"-[0-9a-f]{{{2 * _TOKEN_BYTES}}}$")
_NAME = re.compile(
    rf"[A-Za-z0-9_-]+-[0-9a-f]{{{2 * _TOKEN_BYTES}}}(?:{'|'.join(map(re.escape, SUFFIXES))})", re.ASCII
)


def new_file(name: str, suffix: str, files: Files) -> Path:
    """Return where to keep a file that a caller calls `name`; nobody can guess it, and nothing is there.

    The folder is made where there is none.
    """
    files.uploads.mkdir(parents=True, exist_ok=True)
    return files.uploads / f"{_stem(name)}-{secrets.token_hex(_TOKEN_BYTES)}{suffix}"


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


def _stem(name: str) -> str:
    bare = _TOKEN.sub("", PurePosixPath(name.replace("\\", "/")).stem)
    plain = unicodedata.normalize("NFKD", bare).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:_LONGEST_STEM] or "upload"
