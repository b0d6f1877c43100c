import asyncio
import threading

import anyio
import pytest

from forecast.core.data.transfer import MeteredLoop, transfer
from forecast.core.errors import DataError, TooLargeError

pytestmark = pytest.mark.anyio
PATIENCE_SECONDS = 45


async def test_work_runs_on_a_loop_and_a_thread_of_its_own() -> None:
    async def work(loop: MeteredLoop) -> tuple[bool, int]:
        return asyncio.get_running_loop() is loop, threading.get_ident()

    own, thread = await transfer(work, PATIENCE_SECONDS)
    assert own
    assert thread != threading.get_ident()


async def test_an_error_of_the_work_is_the_callers() -> None:
    async def work(loop: MeteredLoop) -> None:
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        await transfer(work, PATIENCE_SECONDS)


async def test_work_that_is_given_up_is_cancelled() -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def work(loop: MeteredLoop) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with anyio.move_on_after(PATIENCE_SECONDS) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(transfer, work, 2 * PATIENCE_SECONDS)
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()
    assert not scope.cancelled_caught
    assert cancelled.wait(PATIENCE_SECONDS)


async def test_what_blocks_its_thread_blocks_neither_the_caller_nor_the_next() -> None:
    free = threading.Event()

    async def block(loop: MeteredLoop) -> None:
        free.wait(2 * PATIENCE_SECONDS)

    async def answer(loop: MeteredLoop) -> int:
        return 7

    try:
        with pytest.raises(TimeoutError):
            await transfer(block, 0.1)
        assert await transfer(answer, PATIENCE_SECONDS) == 7
    finally:
        free.set()


async def test_slow_work_waits_in_line_and_its_time_runs() -> None:
    async def wait(loop: MeteredLoop) -> None:
        await asyncio.Event().wait()

    failed = 0

    async def fail() -> None:
        nonlocal failed
        with pytest.raises(TimeoutError):
            await transfer(wait, 0.2)
        failed += 1

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(fail)
    assert failed == 20


async def test_bytes_that_nobody_asked_for_end_the_work() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    async def read(loop: MeteredLoop) -> None:
        reader, _writer = await asyncio.open_connection(*flooding.sockets[0].getsockname())
        while True:
            await reader.read(65_536)
            await asyncio.sleep(0)

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as flooding:
        with pytest.raises(TooLargeError):
            await transfer(read, PATIENCE_SECONDS)
