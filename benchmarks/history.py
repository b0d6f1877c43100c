"""Writing and reading history in both databases, beside the quickest that each can do with bare rows."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
from sqlalchemy import text

from benchmarks.report import Table as Report
from forecast.core.data.table import Table
from forecast.database.connection import Database
from forecast.history.reading import read_history
from forecast.history.writing import write_table
from tests.postgres import PostgresServer, find_binaries

_DAYS = 1_000
_ITEMS_AT_ONCE = 500
_READS = 200
_CLIENT = "bench"
_HEADER = ("database", "what", "rows", "seconds", "rows/s", "against bare")
_BARE = "CREATE TABLE bare (item_id text, stamp timestamp, value float8, price float8, promo float8)"


def measure(rows: int = 10_000_000) -> Report:
    """Return how long so many rows take to load, and to read one item, 500 and 10 000 of 365 days."""
    found: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        found += _measure("SQLite", Database(f"sqlite:///{folder}/history.db"), rows)
    with _postgres() as url:
        found += _measure("PostgreSQL", Database(url), rows)
    notes = (
        "Each table has a value and two covariates of 500 items x 1 000 days. Bare is COPY of the same rows,"
        " as CSV, into a table without a key, or SQLite's executemany; rows are made and parsed before for"
        " both. One item is read 200 times from all rows: p50 and p99."
    )
    return Report(f"History of {rows:,} rows", _HEADER, found, notes)


@contextmanager
def _postgres() -> Iterator[str]:
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed")
    server = PostgresServer(binaries)
    try:
        server.start()
        yield server.url()
    finally:
        server.remove()


def _measure(name: str, database: Database, rows: int) -> Iterator[tuple[str, ...]]:
    database.prepare()
    batch = _ITEMS_AT_ONCE * _DAYS
    bare = _load_bare(database, _make(0))
    yield name, "bare rows", f"{batch:,}", f"{bare:.2f}", f"{batch / bare:,.0f}", "1.00"
    seconds = [_write(database, _make(at)) for at in range(max(1, rows // batch))]
    total = sum(seconds)
    count = len(seconds) * batch
    yield (
        name,
        "load",
        f"{count:,}",
        f"{total:.1f}",
        f"{count / total:,.0f}",
        f"{bare * len(seconds) / total:.2f}",
    )
    again = _write(database, _make(0, factor=2.0))
    yield name, "replace", f"{batch:,}", f"{again:.2f}", f"{batch / again:,.0f}", f"{bare / again:.2f}"
    reads = sorted(_timed(partial(_read, database, ["item-0-7"])) for _ in range(_READS))
    p50, p99 = statistics.median(reads), reads[int(len(reads) * 0.99) - 1]
    yield name, "read one item", f"{_DAYS:,}", f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms", "", ""
    for items in (500, 10_000):
        names = [f"item-{number // 500}-{number % 500}" for number in range(items)]
        spent = _timed(partial(_read, database, names, "2020-12-30"))
        yield (
            name,
            f"read {items:,} x 365",
            f"{items * 365:,}",
            f"{spent:.2f}",
            f"{items * 365 / spent:,.0f}",
            "",
        )
    database.close()


def _make(part: int, factor: float = 1.0) -> pd.DataFrame:
    random = np.random.default_rng(part)
    count = _ITEMS_AT_ONCE * _DAYS
    names = np.array([f"item-{part}-{number}" for number in range(_ITEMS_AT_ONCE)], dtype=object)
    return pd.DataFrame(
        {
            "item_id": np.repeat(names, _DAYS),
            "timestamp": np.tile(pd.date_range("2020-01-01", periods=_DAYS).to_numpy(), _ITEMS_AT_ONCE),
            "value": random.poisson(20, count) * factor,
            "price": random.integers(100, 120, count) / 10,
            "promo": random.integers(0, 2, count).astype(float),
        }
    )


def _load_bare(database: Database, frame: pd.DataFrame) -> float:
    with database.write() as connection:
        connection.execute(text(_BARE))
        if database.is_sqlite:
            told = frame.assign(timestamp=frame["timestamp"].astype(str))
            rows = list(told.itertuples(index=False, name=None))
            return _timed(lambda: connection.exec_driver_sql("INSERT INTO bare VALUES (?, ?, ?, ?, ?)", rows))
        content = frame.to_csv(index=False, header=False).encode()
        driver = connection.connection.driver_connection

        def copy() -> None:
            with driver.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT csv)") as sent:  # type: ignore[union-attr]
                sent.write(content)

        return _timed(copy)


def _write(database: Database, frame: pd.DataFrame) -> float:
    """Return how many seconds writing a table takes, until it is there to be read."""
    started = time.perf_counter()
    with database.write() as connection:
        write_table(connection, _CLIENT, "default", Table(frame))
    return time.perf_counter() - started


def _read(database: Database, names: list[str], until: str | None = None) -> None:
    with database.read() as connection:
        read_history(connection, _CLIENT, "default", names, until)


def _timed(done: Callable[[], object]) -> float:
    started = time.perf_counter()
    done()
    return time.perf_counter() - started
