"""uvicorn in a session of its own, so that the API outlives the terminal it was started from."""

import os

from uvicorn.main import main

if __name__ == "__main__":
    if os.getpgid(0) != os.getpid():  # else it leads a group already, as in a container
        os.setsid()
    # Threads of torch that spin while they wait take the cores from those that read the next requests.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
