"""The log file, which several processes may write and any of them puts away when it is full."""

import fcntl
import logging
import os
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path


class SharedFileHandler(RotatingFileHandler):
    """Writes to one file of several processes; no line is lost, or cut by another's, when it is put away.

    A line is one write to the file's end. Whoever finds the file full renames it under its lock; a line
    that is written meanwhile lands in what is put away, and its writer goes on to the new file. One that
    cannot be put away grows on, and a folder that is gone is made again.
    """

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - logging's name
        """Return whether the file of now has no room for the line."""
        if self.stream is not None and not self._is_current(self.stream.fileno()):
            self._let_go()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:  # noqa: N802 - logging's name
        """Put the file away, unless another process has done so meanwhile."""
        stream = self.stream = self.stream or self._open()
        held = os.dup(stream.fileno())  # the stream itself is closed before the file is renamed
        try:
            _lock(held, fcntl.LOCK_EX)
            if self._is_current(held):
                with suppress(OSError):  # the next line opens the full file again
                    super().doRollover()
            else:
                self._let_go()
        finally:
            # Also for a process that was forked in between and has the descriptor as well.
            _lock(held, fcntl.LOCK_UN)
            os.close(held)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(Path(self.baseFilename).stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _let_go(self) -> None:
        """Close the file that was put away; the next line opens the new one."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None


def _lock(descriptor: int, operation: int) -> None:
    with suppress(OSError):  # some file systems have no locks; then a file is put away without
        fcntl.flock(descriptor, operation)
