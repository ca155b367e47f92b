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


class TrainingBlocks:
    """Training rows of a model, in blocks.

    Parameters
    ----------
    rows : DaskRows
        The rows.
    merge : callable
        merge(found, found) is what was found in both.
    name : str
        Of the model, for the warning that rows which are not in memory are read again.
    """

    def __init__(self, rows, merge, name):
        self.rows, self.merge = rows, merge
        rows.blocks.warn_of_readings(f"the calls of score_samples of {name}")

    def told(self, model, X):
        """Copy of the model that knows what is found for rows in memory."""
        found = self.rows.reduce(_found_in, self.merge, _without_rows(model), X)
        return model._told(found)

    def told_by_blocks(self, model, X):
        """As `told`, lazily and for each block of a collection.

        Parameters
        ----------
        model : estimator
            The model.
        X : dask array
            The collection, or its blocks.

        Returns
        -------
        models : dask array of shape (n_blocks,)
            Copies of the model.
        """
        bare = _without_rows(model)
        return self.rows.blocks.reduce_for(
            X,
            OnBlock(self.rows.reader, _found_in, (bare,)),
            MergeBlocks(self.merge),
            Tell(bare),
        )

    def told_of_made_up(self, model, X):
        """As `told`, as if there were two training rows, of ones and zeros."""
        two = np.repeat([[1.0], [0.0]], model.n_features_in_, axis=1)
        return model._told(model._found_in(two, None, X))


@dataclass(frozen=True)
class Tell:
    """Makes copies of a model that know what was found in the blocks."""

    model: object

    def __call__(self, counted):
        """Return a copy, from how many training rows there were and what was found."""
        return self.model._told(None if counted is None else counted[1])


def _without_rows(model):
    """Copy of a model for the workers, which are sent the training rows separately."""
    model = copy.copy(model)
    model._training_blocks = None
    return model


def _found_in(block, weight, model, X):
    return model._found_in(block, weight, X) if len(X) else None
