from collections.abc import Callable, Iterator

import pytest

from tests.conftest import MakeApp
from tests.serving import serving

ServeJobs = Callable[..., str]


@pytest.fixture
def serve_jobs(make_app: MakeApp, database_url: str) -> Iterator[ServeJobs]:
    """Starts the gateway on the database, WebSockets and all, and returns host and port."""
    with serving(timeout_graceful_shutdown=10) as start:
        yield lambda **changes: start(make_app(database_url=database_url, **changes))
