"""Dask collections. No other file knows what they are made of."""

import sys

import numpy as np

from sklatent.utils._warnings import warn


def is_dask(X):
    """Whether X is a Dask collection. Where dask is not imported, nothing is one."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X)


def is_frame(X):
    """Whether a Dask collection is a data frame."""
    # A Delayed object has attributes of any name that is public.
    return hasattr(X, "_meta") and hasattr(X, "columns")


def no_rows(X):
    """Table of the columns of a Dask collection, without rows.

    Raises
    ------
    TypeError
        If it is neither an array nor a data frame.
    ValueError
        If it has not two dimensions, or an unknown number of columns.
    """
    if is_frame(X):
        return X._meta.iloc[:0]
    if not hasattr(X, "_meta") or not hasattr(X, "chunks"):
        raise TypeError(
            "X must be an array or a data frame if it is a Dask collection; got "
            f"{type(X).__name__}."
        )
    if X.ndim != 2 or np.isnan(X.shape[1]):
        raise ValueError(
            "X must have two dimensions and a known number of columns; got a Dask "
            f"array of shape {X.shape}."
        )
    return np.empty((0, X.shape[1]), X.dtype)


def with_whole_rows(X):
    """The collection with all columns in one chunk."""
    if is_frame(X) or X.numblocks[1] == 1:
        return X
    warn(
        f"X has {X.numblocks[1]} chunks along its columns, which are brought together "
        "for whole rows: X.rechunk({1: -1}). Choose chunks of whole rows where X is "
        "made, which moves no data."
    )
    return X.rechunk({1: -1})
