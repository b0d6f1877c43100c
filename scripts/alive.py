"""Whether the service of this container answers: `python -m scripts.alive VARIABLE PATH`.

VARIABLE is the environment variable that has its port.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException


def answers(port: int, path: str) -> bool:
    """Return whether the service answers a GET by 200 within four seconds."""
    connection = HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not answers(int(os.environ[sys.argv[1]]), sys.argv[2]))
