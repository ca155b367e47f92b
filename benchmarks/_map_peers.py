"""Jobs of the peers that draw maps; `benchmarks/_peers.py` runs them.

Times are measured here, of the work itself: without imports, without the transfer of
rows, and after a first run wherever a package compiles its loops when first called.
Each answer has the seconds of the wall clock and of the processor, for both cores.

scikit-matter 0.4.1 asks for scikit-learn below 1.9, with which it runs all the same.
Hence it is not among the packages of peers.txt, and has to be installed by itself:

    .peers/bin/pip install --no-deps skmatter==0.4.1
"""

import time

import numpy as np

compiled = set()


def timed(function):
    """Return what a function returns, and its seconds: of the clock, of processors."""
    start = time.perf_counter(), time.process_time()
    result = function()
    stop = time.perf_counter(), time.process_time()
    return result, [b - a for a, b in zip(start, stop, strict=True)]


def opentsne_affinities(job, to, perplexity):
    """Write openTSNE's joint probabilities, from given neighbors, into a file."""
    import openTSNE
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    neighbors = PrecomputedNeighbors(job["indices"], job["distances"])
    affinities = openTSNE.affinity.PerplexityBasedNN(
        knn_index=neighbors, perplexity=perplexity, n_jobs=2
    )
    P = affinities.P.tocsr()
    np.savez(to, data=P.data, indices=P.indices, indptr=P.indptr)


def opentsne_run(job, method, n_exaggerated, n_iter):
    """Run openTSNE's whole descent for given joint probabilities and a given start."""
    import openTSNE
    from scipy.sparse import csr_matrix

    start = job["start"]
    shape = (len(start), len(start))
    P = csr_matrix((job["data"], job["indices"], job["indptr"]), shape)
    affinities = openTSNE.affinity.PrecomputedAffinities(P, normalize=False)
    model = openTSNE.TSNE(
        early_exaggeration=12,
        early_exaggeration_iter=n_exaggerated,
        n_iter=n_iter,
        negative_gradient_method=method,
        n_jobs=2,
        random_state=0,
    )
    Z, seconds = timed(
        lambda: model.fit(affinities=affinities, initialization=start.copy())
    )
    return np.asarray(Z).tolist(), seconds


def _model(name):
    """A package's map, with its defaults."""
    if name == "openTSNE":
        from openTSNE.sklearn import TSNE

        return TSNE(n_jobs=2, random_state=0)
    if name == "umap-learn":
        from umap import UMAP

        return UMAP(random_state=0)
    if name == "PaCMAP":
        from pacmap import PaCMAP

        return PaCMAP(random_state=0)
    if name == "PHATE":
        from phate import PHATE

        return PHATE(n_jobs=2, random_state=0, verbose=0)
    from trimap import TRIMAP

    return TRIMAP()


def places(X, package):
    """Places of rows, by a package as it comes, and seconds."""
    # From some thousand rows on, packages search neighbors by other, compiled, loops.
    key = (package, len(X) > 4000)
    if key not in compiled:
        compiles = {"umap-learn", "PaCMAP", "PHATE"}
        _model(package).fit_transform(X if package in compiles else X[:300])
        compiled.add(key)
    Z, seconds = timed(lambda: _model(package).fit_transform(X))
    return np.asarray(Z, dtype=float).tolist(), seconds


def transformed(X, package, train, new):
    """Places of training rows and new ones, and of five of these by themselves."""
    model = _model(package)
    Z = np.asarray(model.fit_transform(X[train]), dtype=float)
    together, alone = (model.transform(X[rows]) for rows in (new, new[:5]))
    parts = (Z, together, alone)
    return [np.asarray(part, dtype=float).tolist() for part in parts]


def umap_both_ways(X, train, new):
    """UMAP's places of training rows and new ones, and the new ones reconstructed."""
    import umap

    model = umap.UMAP(random_state=0).fit(X[train])
    codes = model.transform(X[new])
    parts = (model.embedding_, codes, model.inverse_transform(codes))
    return [np.asarray(part, dtype=float).tolist() for part in parts]


def skmatter_sketch_map(X, **settings):
    """scikit-matter's sketch-map; places, and seconds."""
    from skmatter.decomposition import SketchMap

    Z, seconds = timed(lambda: SketchMap(**settings).fit_transform(X))
    return np.asarray(Z, dtype=float).tolist(), seconds


def failed_checks_of(X, model):
    """How many of scikit-learn's common checks an estimator fails."""
    # The server is the program, under another name.
    from _peers import failed_checks

    module, _, class_name = model.rpartition(".")
    return failed_checks(X, module, class_name)
