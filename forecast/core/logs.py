"""Log lines with the request's ID, to the console and to a rotated file: `key=value` pairs, or JSON."""

import json
import logging
import logging.config
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from forecast.core.log_file import SharedFileHandler
from forecast.core.middleware import request_id
from forecast.core.notes import Notes, read_note

LOG_FILE = "forecast.log"
LogFormat = Literal["text", "json"]
_TEXT = "time=%(asctime)s level=%(levelname)s logger=%(name)s request_id=%(request_id)s %(message)s"
_SECRET = re.compile(
    r"sph_[\w-]{43}|(?<=bearer )[^\s\"'\\]+|eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII | re.IGNORECASE
)
_MOST_BYTES = 10 * 1024 * 1024
_OLD_FILES = 5


class RequestFilter(logging.Filter):
    """Adds the request's ID, and that of its trace, to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `request_id` and `trace_id` on the record and let it pass."""
        record.request_id = request_id.get()
        record.trace_id = read_note("trace_id")
        return True


def hide_secrets(line: str) -> str:
    """Return a line without the keys and tokens in it, which no line is meant to have.

    A library may log headers at DEBUG, as the one of WebSockets does.
    """
    return _SECRET.sub("***", line)


class TextFormatter(logging.Formatter):
    """A line of text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record that RequestFilter has seen."""
        return hide_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line; the facts of a request's line are its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record that RequestFilter has seen."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": record.__dict__["request_id"],
            "trace_id": record.__dict__["trace_id"],
        }
        facts = record.msg.known() if isinstance(record.msg, Notes) else {"message": record.getMessage()}
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        whole = {name: value for name, value in told.items() if value is not None}
        return hide_secrets(json.dumps(whole | facts, default=str))


def configure_logging(level: str, folder: Path, style: LogFormat = "text", *, console: bool = True) -> None:
    """Send the gateway's and the server's log lines to `folder`/forecast.log, and to the console, too."""
    folder.mkdir(parents=True, exist_ok=True)
    handlers = ["console", "file"] if console else ["file"]
    logger = {"handlers": handlers, "level": level, "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": RequestFilter}},
            "formatters": {"text": {"()": TextFormatter, "format": _TEXT}, "json": {"()": JsonFormatter}},
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "formatter": style,
                    "filters": ["request"],
                },
                "file": {
                    "()": SharedFileHandler,
                    "filename": str(folder / LOG_FILE),
                    "maxBytes": _MOST_BYTES,
                    "backupCount": _OLD_FILES,
                    "encoding": "utf-8",
                    "errors": "backslashreplace",
                    "delay": True,
                    "formatter": style,
                    "filters": ["request"],
                },
            },
            "loggers": {
                "forecast": logger,
                "uvicorn": logger,
                "uvicorn.error": logger,
                # The gateway writes its own access line.
                "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": False},
            },
        }
    )
