"""From where somebody watches on, who was cut off."""

from anyio.to_thread import run_sync

from forecast.core.errors import RequestError
from forecast.database.connection import Database
from forecast.jobs.watching.news import find_start

_LARGEST = 2**63 - 1


def read_position(given: str | None) -> int:
    """Return the number of the event that a caller has seen last, 0 where it has seen none.

    Raises RequestError where it is no number of an event.
    """
    text = (given or "0").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST):
        raise RequestError("The last event's ID is the 'id' of an event of this stream: a whole number.")
    return int(text)


async def find_position(database: Database, client_id: str, job_id: str, given: str | None) -> int | None:
    """Return after which event a caller goes on, None where nothing more will come.

    Raises RequestError where `given` is no ID of an event, NotFoundError where the client has no such job.
    """
    after = read_position(given)

    def find() -> int | None:
        with database.read() as connection:
            return find_start(connection, client_id, job_id, after)

    return await run_sync(find)
