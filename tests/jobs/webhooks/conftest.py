from collections.abc import Iterator

import pytest

from tests.jobs.webhooks.receiver import Receiver, receive


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running
