"""Files that are whole or not there, and that one run writes to."""

import contextlib
import os

try:
    from fcntl import LOCK_EX, LOCK_NB, flock

    def try_lock(file):
        """Lock an open file for as long as it is open, or raise OSError."""
        flock(file, LOCK_EX | LOCK_NB)

except ImportError:  # Windows
    from msvcrt import LK_NBLCK, locking

    def try_lock(file):
        """Lock an open file for as long as it is open, or raise OSError."""
        locking(file.fileno(), LK_NBLCK, 1)


def write_atomically(path, content):
    """Write bytes to a file, so that whoever opens it sees all of them or none."""
    partial = f"{os.fspath(path)}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


@contextlib.contextmanager
def only_writer(path):
    """Keep other runs from writing to a path; a killed run does not.

    What is locked is a file beside it, ``<path>.lock``, which the system unlocks when
    the process ends, however it does. It is left where it is: were it deleted, two
    runs could each lock a file of that name.
    """
    with open(f"{path}.lock", "a") as file:
        try:
            try_lock(file)
        except OSError:
            raise RuntimeError(
                f"Another run is writing to {os.fspath(path)!r}. Wait for it, or give "
                "this one a checkpoint_path of its own."
            ) from None
        yield
