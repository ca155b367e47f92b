"""Time functions side by side, and print medians and ratios."""

import datetime
import gc
import importlib.metadata
import platform
import statistics
import time
from collections import deque

import joblib

PACKAGES = ["sklatent", "numpy", "scipy", "scikit-learn", "torch", "skorch"]

# Seconds before each call: a BLAS keeps its threads spinning for a while, which would
# be charged to whatever comes next.
REST = 0.3


def environment():
    """Versions and size of the machine, for the head of a table."""
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in PACKAGES)
    return (
        f"{datetime.date.today()}, {joblib.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}\n{versions}"
    )


def interleave(functions, repeats):
    """Seconds of each function, after one round that is not counted.

    Every round begins with another function, A B C, B C A, ..., so that none always
    comes after the same other one; and there is a rest before each call.

    Parameters
    ----------
    functions : dict of str to callable
        What to time, without arguments.
    repeats : int
        Counted rounds.

    Returns
    -------
    seconds : dict of str to list of float
        One time per round.
    """
    seconds = {name: [] for name in functions}
    order = deque(functions)
    for counted in [False] + [True] * repeats:
        order.rotate(-1)
        for name in order:
            function = functions[name]
            gc.collect()
            time.sleep(REST)
            start = time.perf_counter()
            function()
            if counted:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(title, functions, reach, repeats):
    """Lines of a table: the first function is ours, the others are peers.

    The ratio is peer ÷ ours, the median over the rounds of the ratio within a
    round, so that a drift of the machine's speed cancels. Larger is better.
    """
    seconds = interleave(functions, repeats)
    ours, *peers = functions
    lines = [title, f"  {ours:<44}{1e3 * statistics.median(seconds[ours]):>10.1f} ms"]
    for peer in peers:
        ratios = [p / o for p, o in zip(seconds[peer], seconds[ours], strict=True)]
        lines.append(
            f"  {peer:<44}{1e3 * statistics.median(seconds[peer]):>10.1f} ms"
            f"{statistics.median(ratios):>9.2f} x   reach {reach[peer]}"
        )
    return "\n".join(lines)
