"""Peers that need other versions of NumPy: they run in an environment of their own.

    python -m venv .peers && .peers/bin/pip install -r benchmarks/peers.txt
    SKLATENT_PEERS=.peers/bin/python python -m benchmarks dimension

That interpreter runs this file as a program. It reads one job per line, the name of a
function below with its arguments as JSON, and answers with a line of JSON.
"""

import json
import os
import subprocess
import sys
import warnings


def skdim_two_nn(X):
    """scikit-dimension's TwoNN as it comes."""
    import skdim

    return float(skdim.id.TwoNN().fit(X).dimension_)


def dadapy_two_nn(X, period=None):
    """DADApy's 2NN as it comes; and the error that it gives."""
    from dadapy import IdEstimation

    estimate = IdEstimation(coordinates=X, period=period).compute_id_2NN()
    return [float(value) for value in estimate[:2]]


def dadapy_bayes(X, period=None):
    """DADApy's 2NN with a prior; the posterior's standard deviation."""
    from dadapy import IdEstimation

    estimate = IdEstimation(coordinates=X, period=period).compute_id_2NN_wprior()
    return [float(value) for value in estimate[:2]]


def dadapy_gride(X, period=None):
    """DADApy's Gride; estimates and errors at n1 = 1, 2, 4, ..."""
    from dadapy import IdEstimation

    data = IdEstimation(coordinates=X, maxk=64, period=period)
    data.compute_distances()
    return [list(map(float, part)) for part in data.return_id_scaling_gride()[:2]]


def intelex_neighbors(X, k):
    """scikit-learn-intelex at its best: the faster of its methods, found beforehand."""
    from sklearnex.neighbors import NearestNeighbors

    method = "kd_tree" if X.shape[1] <= 5 else "brute"
    NearestNeighbors(n_neighbors=k, algorithm=method).fit(X).kneighbors(X)


def faiss_neighbors(X, k):
    """faiss, in single precision and not exact."""
    import faiss

    rows = X.astype("float32")
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    index.search(rows, k)


class Peers:
    """The other environment, as a process that stays."""

    def __init__(self):
        python = os.environ.get("SKLATENT_PEERS")
        if python is None:
            raise RuntimeError(__doc__)
        self.process = subprocess.Popen(
            [python, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, name, path, **arguments):
        """Run a function on rows that lie in a file; return what it returns."""
        job = json.dumps([name, str(path), arguments])
        print(job, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def serve():
    """Answer jobs until there are no more."""
    import numpy as np

    warnings.simplefilter("ignore")
    # What packages print must not come between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    files = {}
    for line in sys.stdin:
        name, path, arguments = json.loads(line)
        if path not in files:
            files = {path: np.load(path)}
        print(json.dumps(globals()[name](files[path], **arguments)), file=answers)
        answers.flush()


if __name__ == "__main__":
    serve()
