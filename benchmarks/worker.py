"""A worker as setup.sh starts it, also of the no-op model: `python -m benchmarks.worker MODEL`."""

import sys

from benchmarks import noop
from scripts.worker import main

if __name__ == "__main__":
    if sys.argv[1] == noop.MODEL_ID:
        noop.register()
    sys.exit(main())
