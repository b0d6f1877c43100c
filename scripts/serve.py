"""uvicorn in a session of its own, so that the API outlives the terminal it was started from."""

import argparse
import atexit
import os
import shutil
import sys
import tempfile

from uvicorn.main import main

# Callers keep connections for about a minute; where the server is faster, a request is lost now and then.
KEEP_ALIVE_SECONDS = 75
# A process that imports a model's libraries answers nobody for seconds; uvicorn would kill it after five.
WORKER_PATIENCE_SECONDS = 60


def prepare_libraries() -> None:
    """Set what libraries of models read from the environment, where it is not set."""
    # Threads of torch that spin while they wait take the cores from those that read the next requests.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Arrow's own pool keeps the memory of the largest table it has seen.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def prepare() -> None:
    """Set what the server and its processes read from the environment, where it is not set."""
    prepare_libraries()
    os.environ.setdefault("UVICORN_TIMEOUT_KEEP_ALIVE", str(KEEP_ALIVE_SECONDS))
    os.environ.setdefault("UVICORN_TIMEOUT_WORKER_HEALTHCHECK", str(WORKER_PATIENCE_SECONDS))
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--workers", type=int, default=os.environ.get("UVICORN_WORKERS") or 1)
    if parser.parse_known_args()[0].workers > 1 and not os.environ.get("METRICS_DIR"):
        folder = os.environ["METRICS_DIR"] = tempfile.mkdtemp(prefix="sapheneia-metrics-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


if __name__ == "__main__":
    if os.getpgid(0) != os.getpid():  # else it leads a group already, as in a container
        os.setsid()
    prepare()
    sys.exit(main())
