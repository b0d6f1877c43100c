"""Log lines: `key=value` pairs with the request's ID, to the console and to a rotated file."""

import logging
import logging.config
from pathlib import Path

from forecast.core.middleware import request_id

LOG_FILE = "forecast.log"
_FORMAT = "time=%(asctime)s level=%(levelname)s logger=%(name)s request_id=%(request_id)s %(message)s"
_MOST_BYTES = 10 * 1024 * 1024
_OLD_FILES = 5


class RequestIdFilter(logging.Filter):
    """Adds the request's ID to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `request_id` on the record and let it pass."""
        record.request_id = request_id.get()
        return True


def configure_logging(level: str, folder: Path) -> None:
    """Send the gateway's and the server's log lines to the console and to `folder`/forecast.log."""
    folder.mkdir(parents=True, exist_ok=True)
    logger = {"handlers": ["console", "file"], "level": level, "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_id": {"()": RequestIdFilter}},
            "formatters": {"line": {"format": _FORMAT}},
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "formatter": "line",
                    "filters": ["request_id"],
                },
                "file": {
                    "class": "logging.handlers.RotatingFileHandler",
                    "filename": str(folder / LOG_FILE),
                    "maxBytes": _MOST_BYTES,
                    "backupCount": _OLD_FILES,
                    "encoding": "utf-8",
                    "errors": "backslashreplace",
                    "delay": True,
                    "formatter": "line",
                    "filters": ["request_id"],
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
