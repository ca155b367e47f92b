"""Blocks of Dask collections as arrays, checked as tables in memory are.

What is here travels to the workers, with each pass.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.utils._tables import FLOAT_DTYPES, check_weight, read_rows


# No tuple, in which Dask would look for tasks.
@dataclass(frozen=True)
class OnBlock:
    """A function of rows and weights as one of a block as it comes.

    Parameters
    ----------
    read : BlockReader
        Makes an array of the block.
    function : callable
        function(X, weight, *parameters) is the result.
    parameters : tuple
        Of the function.
    """

    read: object
    function: object
    parameters: tuple

    def __call__(self, block, weight, *argument):
        """Return the number of rows, and the result; None without rows."""
        X = self.read(block)
        if len(X) == 0:
            return None
        if weight is not None:
            weight = checked_weight(weight, X)
        return len(X), self.function(X, weight, *self.parameters, *argument)


@dataclass(frozen=True)
class MergeBlocks:
    """A function that merges results, as one of what `OnBlock` returns.

    Parameters
    ----------
    merge : callable
        merge(result, result) is a result. A result that is None is left out.
    """

    merge: object

    def __call__(self, one, other):
        """Return the number of rows of both, and the merged result."""
        (n, result), (m, next_one) = one, other
        if result is not None and next_one is not None:
            result = self.merge(result, next_one)
        elif result is None:
            result = next_one
        return n + m, result


class BlockReader:
    """Makes arrays of blocks, checked as tables in memory are.

    Parameters
    ----------
    estimator : estimator
        Whose names of features blocks must have.
    dtype : dtype
        Of the arrays, at least.
    """

    def __init__(self, estimator, dtype):
        # Its parameters and names say how a table is read; nothing else is sent along.
        self.estimator = object.__new__(type(estimator))
        kept = [*estimator.get_params(deep=False), "n_features_in_"]
        if hasattr(estimator, "feature_names_in_"):
            kept.append("feature_names_in_")
        vars(self.estimator).update({name: getattr(estimator, name) for name in kept})
        self.dtype = np.dtype(dtype)

    def of_dtype(self, dtype):
        """Return a reader of another precision."""
        return BlockReader(self.estimator, dtype)

    def __call__(self, block):
        shape = (*np.shape(block)[:1], self.estimator.n_features_in_)
        plain = type(block) is np.ndarray and block.dtype in FLOAT_DTYPES
        with np.errstate(over="ignore", invalid="ignore"):
            plain = plain and block.shape == shape and np.isfinite(block.sum())
        if not plain:
            block = read_rows(self.estimator, block, ensure_min_samples=0)
        return block.astype(np.result_type(block.dtype, self.dtype), copy=False)


def checked_weight(weight, X):
    """Weights of a block, which may all be 0."""
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != (len(X),):
        raise ValueError(
            f"sample_weight must have a number for each row; got a block of {len(X)} "
            f"rows and weights of shape {weight.shape}."
        )
    return check_weight(weight, X) if weight.any() else weight
