"""uvicorn in a session of its own, so that the API outlives the terminal it was started from."""

import os

from uvicorn.main import main

if __name__ == "__main__":
    os.setsid()
    main()
