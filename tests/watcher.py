"""What is to be done when the process that runs the tests ends, even by a signal that it cannot catch."""

import subprocess


class Watcher:
    """A shell that waits until its maker ends or closes it, and then runs a script with these arguments."""

    def __init__(self, script: str, *arguments: str, user: str | None = None) -> None:
        # What the maker alone can write to has an end as soon as the maker has, however that came about.
        # A session of its own keeps it from signals that a terminal sends to all that it runs.
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", f"cat; {script}", "sh", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            user=user,
        )

    def close(self) -> None:
        """Run the script, and return when it has ended."""
        self._shell.communicate()
