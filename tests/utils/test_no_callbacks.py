"""Where scikit-learn has no callbacks, before its version 1.9, all else works."""

import subprocess
import sys

# As in a version without the module: what is None cannot be imported.
SCRIPT = """
import sys
import numpy as np
import sklearn.cluster, sklearn.model_selection, sklearn.pipeline
sys.modules["sklearn.callback"] = None
import sklatent

X = np.random.RandomState(0).standard_normal((60, 4))
ppca = sklatent.PPCA(2, method="em", verbose=1).set_callbacks()
assert np.isfinite(ppca.fit(X).score(X))
assert np.isfinite(sklatent.GaussianMixture(2, random_state=0).fit(X).score(X))
for use in (
    lambda: ppca.set_callbacks(print),
    sklatent.callback.LossMonitor,
    sklatent.callback.ProgressLog,
):
    try:
        use()
    except ImportError as error:
        print(error)
"""


def test_all_but_callbacks_works():
    command = [sys.executable, "-c", SCRIPT]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = printed.splitlines()
    assert lines[0].startswith("PPCA: 1 fit in")
    for name, line in zip(
        ["set_callbacks", "LossMonitor", "ProgressLog"], lines[-3:], strict=True
    ):
        assert line.startswith(f"{name} needs the callbacks of scikit-learn 1.9")
