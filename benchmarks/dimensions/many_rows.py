"""Rows by the million: time, and memory on top of the data.

Rows are uniform in a cube of some dimensions, turned into 20 columns. Each fit has a
process of its own, which says how far its memory rose while it ran.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2]
N_ROWS = 1_000_000
ESTIMATORS = ("TwoNN()", "LevinaBickel()", "Gride()")
DIMENSIONS = (2, 3, 5)

PROGRAM = """
import re, time
from pathlib import Path
import numpy as np
from sklatent.dimension import Gride, LevinaBickel, TwoNN

def memory(name):
    # Of this process only: getrusage would begin with the memory of its parent.
    status = Path("/proc/self/status").read_text()
    return int(re.search(name + r":\\s+(\\d+)", status)[1]) / 2**10

rng = np.random.RandomState(0)
axes = np.linalg.qr(rng.normal(size=(20, {d})))[0].T
X = np.empty(({n}, 20))
for rows in np.array_split(X, 100):
    rows[:] = rng.uniform(size=(len(rows), {d})) @ axes
before = memory("VmRSS")
wall, cpu = time.perf_counter(), time.process_time()
dimension = {estimator}.fit(X).dimension_
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(dimension, wall, cpu, memory("VmHWM") - before)
"""


def run():
    """Yield the table."""
    lines = [
        f"{N_ROWS:,} x 20: uniform in a cube of d dimensions; reach 120 s, 1,000 MB",
        f"  {'estimator':<18}{'d':>3}{'dimension':>12}{'seconds':>10}{'of CPU':>10}"
        f"{'MB':>8}",
    ]
    for d in DIMENSIONS:
        for estimator in ESTIMATORS:
            program = PROGRAM.format(n=N_ROWS, d=d, estimator=estimator)
            command = [sys.executable, "-c", program]
            answer = subprocess.run(
                command, cwd=HERE, capture_output=True, text=True, check=True
            )
            dimension, wall, cpu, peak = map(float, answer.stdout.split())
            lines.append(
                f"  {estimator:<18}{d:>3}{dimension:>12.3f}{wall:>10.1f}{cpu:>10.1f}"
                f"{peak:>8.0f}"
            )
    yield "\n".join(lines)
