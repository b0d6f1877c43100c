"""uvicorn in a session of its own, so that the API outlives the terminal it was started from."""

import os

from uvicorn.main import main

if __name__ == "__main__":
    os.setsid()
    # Threads of torch that spin while they wait take the cores from those that read the next requests.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Arrow's own pool keeps the memory of the largest table it has seen.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    main()
