"""A peer in the environment of its own; see `benchmarks/_peers.py`."""


def skdim_ess(X, n_neighbors):
    """scikit-dimension's ESS; the dimension, the skewness, and seconds of CPU."""
    import time

    import skdim

    start = time.process_time()
    ess = skdim.id.ESS(random_state=0).fit(X, n_neighbors=n_neighbors)
    seconds = time.process_time() - start
    return [float(ess.dimension_), float(ess.essval_.mean()), seconds]
