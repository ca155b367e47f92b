"""Dask collections. No other file knows what they are made of."""

import sys


def is_dask(X):
    """Whether X is a Dask collection. Where dask is not imported, nothing is one."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X)
