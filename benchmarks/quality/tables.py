"""Synthetic tables of several kinds of columns, as many rows as were seen.

Detection is the area under the ROC curve of a forest that tells drawn rows from the
training rows: 0.5 if it cannot. TSTR ("train on synthetic, test on real") is the
balanced accuracy on held-out rows of a forest that is trained on drawn ones. Copies are
the share of drawn rows that are nearer to a training row than half of the held-out rows
are: 0.5 if none is copied, 1 if all are. The tables come out of Python packages in the
peers' environment.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.neighbors import NearestNeighbors

from benchmarks._peers import Peers
from benchmarks.quality._data import SEEDS, ask
from benchmarks.quality._report import Scores
from benchmarks.quality._sequential_trees import coded, sequential_trees
from sklatent.neural import VAETransformer

TARGETS = {"Hdma": "deny", "Chile": "vote", "diamonds": "cut", "cars": "Origin"}
N_ROWS = 5000
REACH = {"Hdma": 0.60, "Chile": 0.62, "diamonds": 0.68, "cars": 0.70}


def read(csv):
    """Return a table whose columns of strings are categories."""
    table = pd.read_csv(csv)
    strings = table.select_dtypes(exclude="number").columns
    return table.astype(dict.fromkeys(strings, "category"))


def vae_rows(train, seed):
    """Draw from a VAE with defaults, which reads the frame by itself."""
    vae = VAETransformer(likelihood="auto", random_state=seed).fit(train)
    return vae.sample(len(train), random_state=seed)


def peer_rows(peers, name, train):
    """Draw rows by a peer, which reads and writes CSV."""
    with tempfile.TemporaryDirectory() as folder:
        csv, drawn = Path(folder) / "real.csv", Path(folder) / "drawn.csv"
        train.to_csv(csv, index=False)
        ask(peers, name, np.zeros(1), csv=str(csv), drawn=str(drawn))
        if not drawn.exists():
            return None
        return pd.read_csv(drawn)[list(train)].astype(train.dtypes.to_dict())


def detection(real, drawn):
    """Area under the ROC curve of a forest that looks for the drawn rows."""
    X = coded(pd.concat([real, drawn]))
    y = np.repeat([0, 1], [len(real), len(drawn)])
    forest = RandomForestClassifier(random_state=0, n_jobs=2)
    found = cross_val_predict(forest, X, y, cv=5, method="predict_proba")
    return roc_auc_score(y, found[:, 1])


def usefulness(drawn, test, target):
    """Balanced accuracy on real rows of a forest that has seen drawn ones."""
    forest = RandomForestClassifier(random_state=0, n_jobs=2)
    forest.fit(coded(drawn.drop(columns=target)), drawn[target].astype(str))
    found = forest.predict(coded(test.drop(columns=target)))
    return balanced_accuracy_score(test[target].astype(str), found)


def copies(train, test, drawn):
    """Share of drawn rows that are nearer to training rows than held-out rows are.

    Numbers are divided by their standard deviations; a category that differs counts as
    one of them.
    """

    def points(table):
        numbers = table.select_dtypes("number") / train.select_dtypes("number").std()
        categories = pd.get_dummies(table.select_dtypes("category")) / np.sqrt(2)
        return np.hstack([numbers, categories])

    near = NearestNeighbors(n_neighbors=1).fit(points(train))
    of_test, of_drawn = (near.kneighbors(points(t))[0].ravel() for t in (test, drawn))
    # Rows as near as the median count half: some tables have many coinciding rows.
    median = np.median(of_test)
    return np.mean(of_drawn < median) + 0.5 * np.mean(of_drawn == median)


def compare():
    """Detection, TSTR and copies of every method on every table."""
    found = Scores(
        "detection of drawn rows by a forest: area under the ROC curve, 0.5 is best",
        larger_is_better=False,
    )
    useful = Scores("TSTR: balanced accuracy on real rows after training on drawn ones")
    copied = Scores(
        "copies: drawn rows nearer to training rows than half of new ones, 0.5 if none",
        larger_is_better=False,
    )
    peers = Peers()
    methods = {
        'VAETransformer(likelihood="auto")': vae_rows,
        "sequential trees (R's synthpop)": lambda train, seed: sequential_trees(
            train, len(train), seed
        ),
        "SDV, Gaussian copula": lambda train, _: peer_rows(peers, "sdv_copula", train),
        "SDV, TVAE": lambda train, _: peer_rows(peers, "sdv_tvae", train),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, target in TARGETS.items():
            csv = Path(folder) / f"{name}.csv"
            ask(peers, "mixed_table", np.zeros(1), table=name, csv=str(csv))
            table = read(csv)
            for seed in SEEDS:
                rows = table.sample(min(N_ROWS, len(table)), random_state=seed)
                train, test = train_test_split(rows, random_state=seed)
                useful.add("real rows", name, usefulness(train, test, target))
                for method, draw in methods.items():
                    drawn = draw(train, seed)
                    if drawn is None:
                        continue
                    found.add(method, name, detection(train, drawn))
                    useful.add(method, name, usefulness(drawn, test, target))
                    copied.add(method, name, copies(train, test, drawn))
    return found, useful, copied


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, useful, copied = compare()
    goals = ", ".join(f"{name} {reach:.2f}" for name, reach in REACH.items())
    yield f"{found.table()}\n  reach, for the first row: {goals}"
    yield f"{useful.table()}\n  reach, for VAETransformer: Hdma 0.64, diamonds 0.58"
    yield copied.table()
