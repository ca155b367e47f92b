"""Models that are their training rows, where these are a Dask collection.

What such a model says of a row depends on all training rows, by something that can be
found for one block of them after the other and merged: a sum, or the nearest rows. So
the model keeps the collection, and each call reads its blocks again.

A model of this kind has two methods:

==============================  ===================================================
`_found_in(block, weight, X)`   what a block of the training rows, or None, has for
                                the rows `X`, which are as the user gave them
`_told(found)`                  a copy that takes what was found for its next rows
                                from there, and has no training rows
==============================  ===================================================
"""

import copy
from dataclasses import dataclass

import numpy as np

from sklatent.utils._block_reader import MergeBlocks, OnBlock
from sklatent.utils._rows import of_as_many


class TrainingBlocks:
    """Training rows of a model, in blocks.

    Parameters
    ----------
    rows : DaskRows
        The rows.
    merge : callable
        merge(found, found) is what was found in both.
    model : estimator
        The model, fitted but for these. A copy is kept: parameters that are set later
        are for the next fit.
    """

    def __init__(self, rows, merge, model):
        self.rows, self.merge, self.model = rows, merge, copy.copy(model)
        self.model._training_blocks = None
        name = type(model).__name__
        rows.blocks.warn_of_readings(f"the calls of score_samples of {name}")

    def told(self, X):
        """Copy of the model that knows what is found for rows in memory."""
        return self.model._told(self.rows.reduce(_found_in, self.merge, self.model, X))

    def told_by_blocks(self, X):
        """As `told`, lazily and for each block of a collection.

        Parameters
        ----------
        X : dask array
            The collection, or its blocks.

        Returns
        -------
        models : dask array of shape (n_blocks,)
            Copies of the model.
        """
        return self.rows.blocks.reduce_for(
            X,
            OnBlock(self.rows.reader, _found_in, (self.model,)),
            MergeBlocks(self.merge),
            Tell(self.model, self.rows.n_read),
        )

    def told_of_made_up(self, X):
        """As `told`, as if there were two training rows, of ones and zeros."""
        two = np.repeat([[1.0], [0.0]], self.model.n_features_in_, axis=1)
        return self.model._told(self.model._found_in(two, None, X))


@dataclass(frozen=True)
class Tell:
    """Makes copies of a model that know what was found in the blocks."""

    model: object
    n_rows: int

    def __call__(self, counted):
        """Return a copy, from how many training rows there were and what was found."""
        return self.model._told(of_as_many(counted, self.n_rows))


def _found_in(block, weight, model, X):
    return model._found_in(block, weight, X) if len(X) else None
