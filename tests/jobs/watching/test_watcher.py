import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from forecast.core.errors import DatabaseUnavailableError, RateLimitError
from forecast.database.connection import Database
from forecast.jobs.watching import watcher as module
from forecast.jobs.watching.news import News, read_news
from forecast.jobs.watching.watcher import Watch, Watcher
from tests.jobs.written import change, end_job, run_job, write_job

PAUSE = 30.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def running(watcher: Watcher) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(watcher.run)
        with anyio.fail_after(60):
            yield
        group.cancel_scope.cancel()


async def take(watch: Watch, most: int = 1000) -> list[News]:
    taken: list[News] = []
    async for news in watch.follow(PAUSE):
        assert news is not None, "nothing came"
        taken.append(news)
        if len(taken) == most:
            break
    return taken


def _facts(news: list[News]) -> list[tuple[int, str, int]]:
    return [(one.sequence, one.kind, one.job["items_done"]) for one in news]


@given(cuts=st.lists(st.integers(1, 5), max_size=8), items=st.integers(1, 8), live=st.booleans())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_caller_is_cut_off_no_event_is_lost_or_doubled(
    database: Database, cuts: list[int], items: int, live: bool
) -> None:
    job_id = write_job(database, items=items)
    course = threading.Thread(target=run_job, args=(database, job_id, items))
    course.start()
    if not live:
        course.join()

    async def follow() -> tuple[list[News], list[News]]:
        watcher, seen = Watcher(database, 10), list[News]()
        async with running(watcher):
            for most in [*cuts, 1000]:
                after = seen[-1].sequence if seen else 0
                if seen and seen[-1].kind == "ended":
                    break
                with watcher.watch("default", job_id, after) as watch:
                    seen += await take(watch, most)
            with watcher.watch("default", job_id, 0) as watch:
                return seen, await take(watch)

    seen, whole = asyncio.run(follow())
    course.join()
    assert _facts(seen) == _facts(whole)
    assert [one.kind for one in whole] == ["created", "started", *["progress"] * items, "ended"]
    assert [one.job["items_done"] for one in whole] == [0, 0, *range(1, items + 1), items]


@pytest.mark.anyio
async def test_many_watch_many_jobs_with_few_queries(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.1)
    jobs = [write_job(database, items=2) for _ in range(5)]
    watcher, reads = Watcher(database, 100), list[int]()

    def read(connection: Connection, after: Mapping[str, int]) -> tuple[dict[str, list[News]], bool]:
        reads.append(len(after))
        return read_news(connection, after)

    monkeypatch.setattr(module, "read_news", read)
    taken: dict[int, list[News]] = {}

    async def follow(number: int) -> None:
        with watcher.watch("default", jobs[number % 5], 0) as watch:
            taken[number] = await take(watch)

    began = time.monotonic()
    async with running(watcher), anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(follow, number)
        await anyio.sleep(0.2)
        for job_id in jobs:
            await anyio.to_thread.run_sync(run_job, database, job_id, 2)
    assert {len(news) for news in taken.values()} == {5}
    # One after each pause, however many watch, and a few when they begin.
    assert len(reads) < 5 + (time.monotonic() - began) / 0.1
    for number, news in taken.items():
        assert {one.job["job_id"] for one in news} == {jobs[number % 5]}


@pytest.mark.anyio
async def test_nothing_is_read_while_nobody_watches(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    watcher = Watcher(database, 1)
    read, idle = threading.Event(), asyncio.Event()
    pause = watcher._pause

    async def note_pause() -> None:
        if not watcher._watches:
            idle.set()
        await pause()

    def note(*_: object) -> tuple[dict[str, list[News]], bool]:
        read.set()
        return {}, False

    monkeypatch.setattr(module, "read_news", note)
    monkeypatch.setattr(watcher, "_pause", note_pause)
    async with running(watcher):
        await anyio.sleep(0.1)
        assert not read.is_set()
        with watcher.watch("default", "job", 0):
            assert await anyio.to_thread.run_sync(read.wait, 30)
            idle.clear()
        await idle.wait()  # after what is being read for the one that left
        read.clear()
        await anyio.sleep(0.1)
        assert not read.is_set()


@pytest.mark.anyio
async def test_while_the_database_is_away_streams_stay_and_go_on_afterwards(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.02)
    job_id = write_job(database)
    watcher = Watcher(database, 1)
    away = threading.Event()

    def read(connection: Connection, after: Mapping[str, int]) -> tuple[dict[str, list[News]], bool]:
        if away.is_set():
            raise DatabaseUnavailableError("away")
        return read_news(connection, after)

    monkeypatch.setattr(module, "read_news", read)
    async with running(watcher):
        with watcher.watch("default", job_id, 0) as watch:
            assert [one.kind for one in await take(watch, 1)] == ["created"]
            away.set()
            await anyio.to_thread.run_sync(run_job, database, job_id)
            follow = watch.follow(0.1)
            assert await anext(follow) is None
            away.clear()
            assert [one.kind for one in await take(watch)] == [
                "started",
                *["progress"] * 4,
                "ended",
            ]


@pytest.mark.anyio
async def test_who_reads_slowly_is_not_read_ahead_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    job_id = write_job(database, items=9)
    watcher = Watcher(database, 2)
    async with running(watcher):
        with watcher.watch("default", job_id, 0) as slow, watcher.watch("default", job_id, 0) as quick:
            for done in range(9):
                change(database, job_id, "progress", status="running", items_done=done)
                assert len(await take(quick, 1)) == 1
            await anyio.sleep(0.1)
            assert slow.is_full
            end_job(database, job_id, 9)
            told = await take(slow)
    assert [one.job["items_done"] for one in told] == [0, *range(9), 9]


@pytest.mark.anyio
async def test_clients_do_not_count_for_each_other(database: Database) -> None:
    watcher = Watcher(database, 1)
    with (
        watcher.watch("one", "job", 0),
        watcher.watch("other", "job", 0),
        pytest.raises(RateLimitError),
        watcher.watch("one", "another job", 0),
    ):
        pass
    with watcher.watch("one", "job", 0):
        pass


@pytest.mark.anyio
async def test_once_it_ends_all_streams_end_and_new_ones_at_once(
    open_database: Callable[[], Database],
) -> None:
    watcher, signalled = Watcher(open_database(), 5), asyncio.Event()
    with watcher.watch("one", "job", 0) as watch:
        signalled.set()
        await watcher.end_when(signalled)
        assert await take(watch) == []
    with watcher.watch("one", "job", 0) as late:
        assert await take(late) == []
