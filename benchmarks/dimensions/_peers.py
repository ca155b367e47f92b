"""A peer in the environment of its own; see `benchmarks/_peers.py`."""


def skdim_danco(X):
    """scikit-dimension's DANCo as it comes, with a seed."""
    import skdim

    return float(skdim.id.DANCo(random_state=0).fit(X).dimension_)
