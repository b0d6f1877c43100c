"""Bringing the tables up to date, by Alembic's revisions in `versions`."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

_FOLDER = Path(__file__).parent
_LOCK = 7_237_423_342
"""What processes that migrate PostgreSQL at once agree on."""
_one_at_a_time = threading.Lock()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply all revisions that the database lacks, in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    with _one_at_a_time:  # Alembic keeps what it works on in its modules
        command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Take back the revisions after one, in the connection's transaction."""
    with _one_at_a_time:
        command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_FOLDER / "versions"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
