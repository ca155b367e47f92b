"""Files that are whole or not there, and that one run at a time writes to."""

import contextlib
import os

try:
    from fcntl import LOCK_EX, flock

    def lock(file):
        """Wait for the lock of an open file, and keep it for as long as it is open."""
        flock(file, LOCK_EX)

except ImportError:  # Windows
    from msvcrt import LK_LOCK, locking

    def lock(file):
        """Wait for the lock of an open file, and keep it for as long as it is open."""
        while True:
            with contextlib.suppress(OSError):  # after ten seconds
                return locking(file.fileno(), LK_LOCK, 1)


def write_atomically(path, *pieces):
    """Write bytes to a file, so that whoever opens it sees all of them or none."""
    partial = f"{os.fspath(path)}.partial"
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


@contextlib.contextmanager
def only_writer(path):
    """Keep other runs from writing to a path until this one is done: they wait.

    What is locked is a file beside it, ``<path>.lock``, which the system unlocks when
    the process ends, however it does. It is left where it is: were it deleted, two
    runs could each lock a file of that name.
    """
    with open(f"{path}.lock", "a") as file:
        lock(file)
        yield
