"""Watching jobs: one reader a process for all who watch, whichever process makes the events."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

from anyio.to_thread import run_sync

from forecast.core.errors import DatabaseUnavailableError, RateLimitError
from forecast.database.connection import Database
from forecast.jobs.watching.news import News, read_news

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_MOST_WAITING = 1000


class Watch:
    """What one caller is told of one job; `after` is the last event that it was given.

    Of use on the event loop only.
    """

    def __init__(self, client_id: str, job_id: str, after: int) -> None:
        self.client_id = client_id
        self.job_id = job_id
        self.after = after
        self._waiting: deque[News] = deque()
        self._stirred = asyncio.Event()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the caller to take it that more is not fetched yet."""
        return len(self._waiting) >= _MOST_WAITING

    def offer(self, news: list[News]) -> None:
        """Give the caller what it was not given before."""
        for one in news:
            if one.sequence > self.after:
                self.after = one.sequence
                self._waiting.append(one)
        self._stirred.set()

    def close(self) -> None:
        """End it: what waits is still given."""
        self._closed = True
        self._stirred.set()

    async def follow(self, pause: float) -> AsyncIterator[News | None]:
        """Yield the events as they come, None whenever there was none for so many seconds.

        Ends after the job's last one, or when it is closed.
        """
        while True:
            while self._waiting:
                news = self._waiting.popleft()
                yield news
                if news.kind == "ended":
                    return
            if self._closed:
                return
            self._stirred.clear()
            try:
                await asyncio.wait_for(self._stirred.wait(), pause)
            except TimeoutError:
                yield None


class Watcher:
    """Reads the events of all watched jobs from the database, about twice a second while anybody watches."""

    def __init__(self, database: Database, most_per_client: int) -> None:
        self._database = database
        self._most = most_per_client
        self._watches: dict[str, list[Watch]] = {}
        self._stirred = asyncio.Event()
        self._ended = False
        self._paused = False

    @contextmanager
    def watch(self, client_id: str, job_id: str, after: int) -> Iterator[Watch]:
        """Yield a watch of the job's events after a number; raise RateLimitError where there are too many."""
        open_now = sum(one.client_id == client_id for some in self._watches.values() for one in some)
        if open_now >= self._most:
            raise RateLimitError(
                f"You watch {open_now} jobs here, which is the most there may be (setting"
                " JOB_STREAMS_PER_CLIENT); end another stream first.",
                retry_after=_RETRY_SECONDS,
            )
        watch = Watch(client_id, job_id, after)
        if self._ended:
            watch.close()
        self._watches.setdefault(job_id, []).append(watch)
        self._stirred.set()
        try:
            yield watch
        finally:
            self._watches[job_id].remove(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    async def run(self) -> None:
        """Read and tell, until this is cancelled; while the database does not answer nothing is told."""
        while True:
            await self._pause()
            self._stirred.clear()
            if await self._tell_news():
                self._stirred.set()

    async def end_when(self, signalled: asyncio.Event) -> None:
        """End all watches, those to come too, once the process is told to end: it waits for open answers."""
        await signalled.wait()
        self._ended = True
        for some in self._watches.values():
            for watch in some:
                watch.close()

    async def _pause(self) -> None:
        # Without anybody who watches, nothing is read.
        seconds = _PAUSE_SECONDS if self._watches else None
        try:
            await asyncio.wait_for(self._stirred.wait(), seconds)
        except TimeoutError:
            return

    async def _tell_news(self) -> bool:
        """Give everybody what is new, and return whether there may be more."""
        after = {
            job_id: min(watch.after for watch in some if not watch.is_full)
            for job_id, some in self._watches.items()
            if not all(watch.is_full for watch in some)
        }
        if not after:
            return False
        try:
            news, more = await run_sync(self._read, after)
        except DatabaseUnavailableError:
            self._note_outage(True)
            return False
        self._note_outage(False)
        for job_id, of_job in news.items():
            for watch in self._watches.get(job_id, ()):
                # One that came meanwhile and has seen less than was read from has its turn the next time.
                if watch.after >= after[job_id] and not watch.is_full:
                    watch.offer(of_job)
        return more

    def _note_outage(self, now: bool) -> None:
        if now != self._paused:
            self._paused = now
            log.log(logging.WARNING if now else logging.INFO, "watching=%s", "paused" if now else "resumed")

    def _read(self, after: Mapping[str, int]) -> tuple[dict[str, list[News]], bool]:
        with self._database.read() as connection:
            return read_news(connection, after)
