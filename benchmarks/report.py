"""Tables of ratios, and the machine they were measured on."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from forecast.core.pool import available_cores

_GIGABYTE = 1024**2  # /proc/meminfo counts in kB


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title; `notes` say how to read them."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: str = ""

    def markdown(self, told: str = "") -> str:
        """Return the table as aligned Markdown, with what is told of it under its title."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        rule = tuple("-" * width for width in widths)
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in (self.header, rule, *self.rows)
        ]
        parts = (f"## {self.title}", told, "\n".join(lines), self.notes)
        return "\n\n".join(part for part in parts if part) + "\n"


def describe_machine() -> str:
    """Return one paragraph: processor, cores, memory, versions, and when this was."""
    libraries = ", ".join(
        f"{name} {version(name)}"
        for name in ("torch", "transformers", "chronos-forecasting", "statsforecast")
    )
    return (
        f"{_field('/proc/cpuinfo', 'model name') or platform.processor()}, {available_cores()} cores used,"
        f" {_memory()} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()},"
        f" {libraries}; {time.strftime('%Y-%m-%d')}."
    )


def _memory() -> str:
    return str(round(int(_field("/proc/meminfo", "MemTotal").removesuffix("kB") or 0) / _GIGABYTE))


def _field(path: str, name: str) -> str:
    file = Path(path)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
