import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from forecast.core import pool as pool_module
from forecast.core.errors import ModelError, ShutDownError
from forecast.core.pool import FitPool, available_cores

# What the processes run; they import this module.
_warmed_in: list[int] = []


def warm() -> None:
    _warmed_in.append(os.getpid())


def refuse() -> None:
    raise ValueError("no such library")


def describe(_: object) -> tuple[int, list[int], str, bool, str]:
    ignores = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    return os.getpid(), _warmed_in, os.environ["OMP_NUM_THREADS"], ignores, tempfile.gettempdir()


def leave_a_file(_: object) -> str:
    handle, name = tempfile.mkstemp()
    os.close(handle)
    return name


def read(weights: Path) -> None:
    weights.read_bytes()


def fail_on_three(value: int) -> int:
    if value == 3:
        raise ValueError("three")
    return value


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work_forever(started: str) -> None:
    Path(started).touch()
    threading.Event().wait()


def process_of(_: object) -> int:
    return os.getpid()


@pytest.fixture(scope="module")
def pool() -> Iterator[FitPool]:
    pool = FitPool(2, warm)
    yield pool
    pool.close()


def await_end_of(pid: int) -> None:
    """Return when the process has ended; fail when it outlives a generous limit."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([handle], [], [], 60)
    os.close(handle)
    assert ended, f"process {pid} still runs"


def kill_idle(pool: FitPool, pid: int) -> None:
    """Kill a process of a pool, and return when its executor has noticed."""
    thread: Any = pool._executor._executor_manager_thread
    os.kill(pid, signal.SIGKILL)
    thread.join(60)
    assert not thread.is_alive()


def test_results_come_in_the_order_of_the_items(pool: FitPool) -> None:
    assert pool.map(abs, range(-20, 0)) == list(range(20, 0, -1))
    assert pool.map(abs, []) == []


def test_every_process_is_warm_single_threaded_and_deaf_to_interrupts(pool: FitPool) -> None:
    for pid, warmed_in, threads, ignores, folder in pool.map(describe, range(6)):
        assert pid != os.getpid()
        assert warmed_in == [pid]
        assert (threads, ignores) == ("1", True)
        assert folder != tempfile.gettempdir()


def test_what_a_function_raises_is_raised_and_the_pool_lives_on(pool: FitPool) -> None:
    with pytest.raises(ValueError, match="three"):
        pool.map(fail_on_three, [1, 2, 3, 4])
    assert pool.map(fail_on_three, [1, 2]) == [1, 2]


def test_a_process_that_dies_fails_its_call_and_the_next_call_works(pool: FitPool) -> None:
    before = set(pool.map(process_of, range(8)))
    with pytest.raises(ModelError, match="ended unexpectedly"):
        pool.map(die, [None])
    [(pid, warmed_in, *_)] = pool.map(describe, [None])
    assert pid not in before
    assert warmed_in == [pid]


def test_a_process_that_died_idle_costs_no_call(pool: FitPool) -> None:
    [pid] = pool.map(process_of, [None])
    kill_idle(pool, pid)
    assert pool.map(abs, [-1]) == [1]


def test_processes_are_replaced_warm_after_their_share_of_items() -> None:
    pool = FitPool(1, warm, recycle=3)
    try:
        generations = [pool.map(describe, range(3))[0] for _ in range(3)]
    finally:
        pool.close()
    assert len({pid for pid, *_ in generations}) == 3
    assert all(warmed_in == [pid] for pid, warmed_in, *_ in generations)


def test_closing_ends_the_processes_and_removes_what_they_left() -> None:
    pool = FitPool(2, warm)
    pids = {pid for pid, *_ in pool.map(describe, range(8))}
    files = [Path(name) for name in pool.map(leave_a_file, range(4))]
    assert all(file.exists() for file in files)
    pool.close()
    pool.close()
    for pid in pids:
        await_end_of(pid)
    assert not any(file.parent.exists() for file in files)
    with pytest.raises(ShutDownError):
        pool.map(abs, [-1])


def test_closing_ends_a_fit_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "END_SECONDS", 0.1)
    pool = FitPool(1, warm)
    [pid] = pool.map(process_of, [None])
    started = tmp_path / "started"
    errors: list[Exception] = []

    def fit() -> None:
        try:
            pool.map(work_forever, [str(started)])
        except ShutDownError as error:
            errors.append(error)

    caller = threading.Thread(target=fit)
    caller.start()
    while not started.exists():
        assert caller.is_alive()
    pool.close()
    await_end_of(pid)
    caller.join(60)
    assert [type(error) for error in errors] == [ShutDownError]


def test_a_library_that_cannot_be_loaded_is_told_by_the_constructor() -> None:
    with pytest.raises(ValueError, match="no such library"):
        FitPool(2, refuse)


def test_processes_that_could_not_be_replaced_are_started_by_a_later_call(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.touch()
    pool = FitPool(1, partial(read, weights))
    with pytest.raises(ModelError):
        pool.map(die, [None])
    weights.unlink()
    with pytest.raises(FileNotFoundError):
        pool.map(abs, [-1])
    weights.touch()
    assert pool.map(abs, [-1]) == [1]
    pool.close()


def test_no_processes_asked_for_is_one_per_core() -> None:
    assert 1 <= available_cores() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("50000 100000", 1), ("100000 100000", 1)])
def test_a_container_is_given_the_cores_of_its_quota(
    text: str, cores: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text + "\n", encoding="ascii")
    monkeypatch.setattr(pool_module, "_CPU_QUOTA", quota)
    assert available_cores() == (cores or len(os.sched_getaffinity(0)))


PARENT = """
import sys
from forecast.core.pool import FitPool
from tests.core.test_pool import describe, warm
if __name__ == "__main__":
    pool = FitPool(2, warm)
    told = {(pid, folder) for pid, *_, folder in pool.map(describe, range(40))}
    print(*[word for pair in told for word in pair], flush=True)
    sys.stdin.read()
"""


def test_processes_that_cannot_be_started_are_a_model_error() -> None:
    with pytest.raises(ModelError, match="could not be started"):
        FitPool(2, partial(os._exit, 1))


def test_the_processes_end_when_their_parent_is_killed() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        words = parent.stdout.readline().split()
        parent.kill()
    assert len(words) >= 2
    for pid in words[0::2]:
        await_end_of(int(pid))
    assert not any(Path(folder).exists() for folder in words[1::2])
