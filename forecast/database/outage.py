"""Starting and going on while the database cannot be reached."""

import logging

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database

log = logging.getLogger(__name__)


def prepare_at_start(database: Database) -> None:
    """Bring the tables up to date; where the database does not answer yet, its first use will."""
    try:
        database.prepare()
    except DatabaseUnavailableError:
        log.warning("database=unprepared")
