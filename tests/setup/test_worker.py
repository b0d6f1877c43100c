import subprocess
import time

from tests.setup.clone import Clone, is_alive

STAND_IN = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("a worker of", sys.argv[3:], flush=True)
time.sleep(600)
"""


def test_a_worker_runs_in_the_foreground_until_stop_ends_it(clone: Clone) -> None:
    (clone.folder / "scripts/worker.py").write_text(STAND_IN)
    assert clone.run("init").returncode == 0
    command = ["./setup.sh", "worker", "chronos"]
    with subprocess.Popen(
        command, cwd=clone.folder, env=clone.env, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "a worker of ['chronos']\n"
        assert (clone.folder / f"run/worker-{worker.pid}.pid").read_text() == f"{worker.pid}\n"

        stopped = clone.run("stop")
        assert (stopped.returncode, stopped.stdout) == (0, f"Stopped a worker (pid {worker.pid}).\n")
        assert worker.wait(60) == 0
    assert list((clone.folder / "run").glob("worker-*")) == []


def test_stop_ends_every_worker_and_spares_others_processes(clone: Clone) -> None:
    (clone.folder / "scripts/worker.py").write_text(STAND_IN)
    assert clone.run("init").returncode == 0
    command = ["./setup.sh", "worker"]
    workers = [
        subprocess.Popen(command, cwd=clone.folder, env=clone.env, stdout=subprocess.PIPE) for _ in range(2)
    ]
    stranger = subprocess.Popen(["sleep", "600"])
    (clone.folder / f"run/worker-{stranger.pid}.pid").write_text(f"{stranger.pid}\n")
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"a worker of []\n"

        clone.run("stop")
        deadline = time.monotonic() + 60
        while any(worker.poll() is None for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert is_alive(stranger.pid)
    finally:
        for process in (*workers, stranger):
            process.kill()
            process.communicate()


def test_what_a_killed_worker_left_is_cleared_away_by_the_next_one_and_confuses_no_stop(clone: Clone) -> None:
    (clone.folder / "scripts/worker.py").write_text(STAND_IN)
    assert clone.run("init").returncode == 0
    workers = []
    for _ in range(2):
        worker = subprocess.Popen(
            ["./setup.sh", "worker"], cwd=clone.folder, env=clone.env, stdout=subprocess.PIPE
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"a worker of []\n"
        workers.append(worker)
        if len(workers) == 1:
            worker.kill()
            worker.communicate()
    killed, living = workers

    assert killed.pid != living.pid
    files = [file.name for file in (clone.folder / "run").glob("worker-*")]
    stopped = clone.run("stop")
    living.communicate()
    assert files == [f"worker-{living.pid}.pid"]
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped a worker (pid {living.pid}).\n")


def test_a_worker_of_a_gateway_that_computes_all_jobs_itself_is_told_what_to_set(clone: Clone) -> None:
    refused = clone.run("worker", "statsforecast", CELERY_BROKER_URL="redis://127.0.0.1:1/0")

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: a worker needs JOB_RUNNER=celery, and CELERY_BROKER_URL such as")


def test_a_worker_of_no_known_model_is_told_the_nearest(clone: Clone) -> None:
    refused = clone.run("worker", "chronoss")

    assert refused.returncode == 1
    assert "error: the worker names no model: 'chronoss'" in refused.stderr
    assert "chronos" in refused.stderr
