import logging

import anyio
import pytest

from forecast.lifespan import insist


def test_background_work_that_fails_is_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    turns: list[int] = []

    async def work() -> None:
        turns.append(len(turns))
        if len(turns) < 3:
            raise KeyError

    with caplog.at_level(logging.ERROR):
        anyio.run(insist, work, 0)
    assert turns == [0, 1, 2]
    assert [record.message for record in caplog.records] == ["background=interrupted"] * 2
