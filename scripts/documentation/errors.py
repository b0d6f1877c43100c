"""The table of all errors, from the root of their tree."""

from collections.abc import Iterator
from pathlib import Path

from forecast.core.errors import SapheneiaError
from scripts.documentation.markdown import table


def write_errors(_: str, page: Path) -> str:
    """Return the table of all errors, from the root of their tree."""
    rows = (
        (error.status, f"`{error.code}`", error.__name__, (error.__doc__ or "").split("\n", 1)[0])
        for error in sorted(walk(SapheneiaError), key=lambda error: error.status)
    )
    return table(("status", "error", "class", "when"), rows)


def walk(kind: type[SapheneiaError]) -> Iterator[type[SapheneiaError]]:
    """Yield an error and all errors below it."""
    yield kind
    for child in kind.__subclasses__():
        yield from walk(child)
