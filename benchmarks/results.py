"""RESULTS.md: a section for each benchmark, with the command and the machine that wrote it."""

import re
from collections.abc import Sequence
from pathlib import Path

_INTRODUCTION = (
    "Written by `python -m benchmarks --write`; README.md beside it says what is measured,"
    " docs/performance.md what misses its goal and why."
)
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_NAME = re.compile(r"^`\./setup\.sh bench ([\w-]+)", re.MULTILINE)


class Results:
    """The file of results; a benchmark that is measured again replaces its own section."""

    def __init__(self, path: Path, order: Sequence[str]) -> None:
        self._path = path
        self._order = order

    def put(self, name: str, section: str) -> None:
        """Write one section, which has the command that made it; those of no known benchmark are dropped."""
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        sections = {_read_name(part): part.strip() for part in _SECTION.split(text)[1:]}
        sections[name] = section.strip()
        found = [sections[known] for known in self._order if known in sections]
        parts = ["# Results", _INTRODUCTION, *found]
        self._path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _read_name(section: str) -> str:
    found = _NAME.search(section)
    return found[1] if found else ""
