"""The most memory that a process had, as the kernel tells it."""

from pathlib import Path

_FORGET_PEAK = "5"  # what proc(5) has clear_refs take


def resident_megabytes(process: int | str) -> float:
    """Return the memory that a process has now, by its ID or as `self`."""
    return _read(process, "VmRSS")


def peak_megabytes(process: int | str) -> float:
    """Return the most memory that a process had since it started, or since its peak was forgotten."""
    return _read(process, "VmHWM")


def forget_peak(process: int | str) -> None:
    """Let the peak of a process of this user begin again at what it has now."""
    Path(f"/proc/{process}/clear_refs").write_text(_FORGET_PEAK, encoding="ascii")


def _read(process: int | str, name: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return int(kilobytes) * 1024 / 1e6
