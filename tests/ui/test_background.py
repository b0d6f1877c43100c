import asyncio
import threading

import pytest

from tests.ui.conftest import finish
from ui.background import Background


def test_what_a_coroutine_returns_or_raises_reaches_the_caller(background: Background) -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return 10 // number

    assert background.wait(work(5)) == 2
    with pytest.raises(ZeroDivisionError):
        background.wait(work(0))


def test_what_was_started_is_known_by_its_name_until_it_ends(background: Background) -> None:
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()

    async def let_go() -> None:
        go.set()

    background.start("a", work())
    assert background.runs("a")
    assert not background.runs("b")
    background.wait(let_go())
    finish(background)
    assert not background.runs("a")


def test_what_is_cancelled_is_told_so_and_may_clean_up(background: Background) -> None:
    began, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    background.start("a", work())
    assert began.wait(30)
    background.cancel("a")
    background.cancel("unknown")

    assert cleaned.wait(30)
    assert not background.runs("a")


def test_an_unexpected_failure_is_logged(background: Background, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("a defect")

    background.start("a", work())
    finish(background)

    (record,) = caplog.records
    assert record.getMessage() == "background=a failed=unexpected"
    assert "a defect" in caplog.text


def test_the_end_cancels_all_and_then_does_what_comes_last() -> None:
    background, order = Background(), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("cancelled")

    async def last() -> None:
        order.append("last")

    async def begin() -> None:
        background.start("a", work())
        await asyncio.sleep(0)

    background.wait(begin())
    background.close(last())

    assert order == ["cancelled", "last"]
    assert "background" not in {thread.name for thread in threading.enumerate()}
