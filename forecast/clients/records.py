"""Reading and writing the database in threads, away from the event loop."""

from collections.abc import Callable
from typing import Any, TypeVar

from anyio.to_thread import run_sync

from forecast.database.connection import Database

Result = TypeVar("Result")


class Records:
    """The clients and keys of a database; each call is a transaction, in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, ask: Callable[..., Result], *arguments: object) -> Result:
        """Return what `ask` reads on a connection."""
        return await run_sync(self._do, self._database.read, ask, arguments)

    async def write(self, ask: Callable[..., Result], *arguments: object) -> Result:
        """Return what `ask` says of what it wrote on a connection."""
        return await run_sync(self._do, self._database.write, ask, arguments)

    def _do(self, open_connection: Any, ask: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
        with open_connection() as connection:
            return ask(connection, *arguments)
