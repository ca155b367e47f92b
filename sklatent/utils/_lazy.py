"""Methods that treat each row by itself, of Dask collections: lazy, block by block.

No row's result depends on the rows that come along, so that the result of a collection
is made of those of its blocks. Its columns, precision and kind are found by calling the
method on two made-up rows with the names and types of the collection. No row of the
collection is read before the result is computed.
"""

import copy
import warnings
from functools import partial

import numpy as np
from sklearn import config_context, get_config

from sklatent.utils._dask import is_frame, no_rows, with_whole_rows

BY_ROW = frozenset(
    {
        "contributions",
        "decision_function",
        "effective_sample_size",
        "elbo",
        "impute",
        "inverse_transform",
        "log_slope",
        "posterior",
        "predict",
        "predict_log_proba",
        "predict_proba",
        "pvalues",
        "reconstruction_error",
        "score_samples",
        "transform",
    }
)


def by_blocks(estimator, method, X, *args, **kwargs):
    """Call a method for each block of a collection, lazily.

    Parameters
    ----------
    estimator : estimator
        Which is fitted. Its `_by_block` names methods to call for blocks instead, where
        the shape of what a method returns depends on the rows.
    method : str
        Name of the method, in `BY_ROW`.
    X : dask array or dask data frame of shape (n_samples, n_features)
        The rows.
    *args, **kwargs : object
        Further arguments of the method.

    Returns
    -------
    result : dask array, dask data frame or tuple
        Chunks of rows are those of `X`, NaN where their lengths are not known. In a
        tuple, what is the same for all rows is an array of NumPy.
    """
    import dask  # installed, as X is one of its collections

    call = partial(
        _call,
        method=estimator._by_block.get(method, method),
        args=args,
        kwargs=kwargs,
        # Of this thread; tasks run in others, with settings of their own.
        output=get_config()["transform_output"],
    )
    training = getattr(estimator, "_training_blocks", None)
    two, one = _outcomes(call, estimator, training, X)
    call = partial(call, empty=_without_rows(two, one))
    X = with_whole_rows(X)
    if training is not None:
        model = training.told_by_blocks(_blocks(X))
    else:
        # A copy, which stays as it is if the estimator is fitted again before its use.
        model = dask.delayed(_silent(estimator), traverse=False)
    if not isinstance(two, tuple):
        return _mapped(X, call, model, two)
    calls, parts = _array(_blocks(X), call, model, like=np.empty(2, dtype=object)), []
    for i, (like, short) in enumerate(zip(two, one, strict=True)):
        if like.shape == short.shape:
            parts.append(like)
        elif isinstance(like, np.ndarray):
            parts.append(_array(calls, partial(_part, i), like=like))
        else:
            parts.append(_frame(X, partial(_part_of_call, i, call), model, like))
    return tuple(parts)


def _outcomes(call, estimator, training, X):
    """What a method returns for two rows that are made up, and for one."""

    def model(rows):
        return (
            _silent(estimator) if training is None else training.told_of_made_up(rows)
        )

    refused = None
    for rows in made_up_rows(X):
        try:
            with warnings.catch_warnings():  # which are about rows that are not there
                warnings.simplefilter("ignore")
                return call(rows, model(rows)), call(rows[:1], model(rows[:1]))
        except ValueError as error:
            refused = refused or error
    refused.add_note(
        "No row of X has been read: these were two rows of ones, or without values, by "
        "which the columns of a lazy result are found. If they cannot be used, call "
        "the method of each block, by X.map_blocks or X.map_partitions."
    )
    raise refused


def _silent(estimator):
    """Copy of an estimator that does not print of calls that no user has made."""
    model = copy.copy(estimator)
    if hasattr(model, "verbose"):
        model.verbose = 0
    return model


def made_up_rows(X):
    """Yield two rows of ones, or two in which nothing is observed.

    Some likelihoods do not take 1, but all of them take missing entries.
    """
    none = no_rows(X)
    if is_frame(X):
        # Of its two rows, the second may have missing entries.
        yield X._meta_nonempty.iloc[[0, 0]]
        yield none.reindex(range(2))
    else:
        yield np.ones((2, none.shape[1]), none.dtype)
        if none.dtype.kind == "f":
            yield np.full((2, none.shape[1]), np.nan, none.dtype)


def _without_rows(two, one):
    """What a method would return for no rows."""
    if isinstance(two, tuple):
        return tuple(map(_without_rows, two, one))
    return two if two.shape == one.shape else two[:0]


def _call(block, estimator, *, method, args, kwargs, output, empty=None):
    """Call a method of an estimator for a block, which may have no rows."""
    if len(block) == 0:
        return empty
    with config_context(transform_output=output):
        return getattr(estimator, method)(block, *args, **kwargs)


def _part(i, results):
    return results[i]


def _part_of_call(i, call, block, estimator):
    return call(block, estimator)[i]


def _call_for_frame(call, block, estimator):
    """Call for a block of an array, given as a frame that has the index."""
    result = call(block.to_numpy(), estimator)
    result.index = block.index
    return result


def _mapped(X, function, model, like):
    """Collection of function(block, model), which is like what two rows give."""
    if isinstance(like, np.ndarray):
        return _array(_blocks(X), function, model, like=like)
    return _frame(X, function, model, like)


def _blocks(X):
    """A collection as an array of blocks, which may be frames."""
    if not is_frame(X):
        return X
    import dask.array as da

    X = X.optimize()
    lengths = ((np.nan,) * X.npartitions,)
    return da.Array(X.__dask_graph__(), X._name, lengths, meta=np.empty(0, object))


def _array(blocks, function, *models, like):
    """Array of function(block, *models), with the columns and dtype of another one.

    A model is an array of one for each block, or the same for all.
    """
    import dask.array as da

    columns = dict(enumerate(like.shape[1:], start=2))
    arguments = [
        argument
        for model in models
        for argument in (model, (0,) if isinstance(model, da.Array) else None)
    ]
    return da.blockwise(
        function,
        (0, *columns),
        blocks,
        tuple(range(blocks.ndim)),
        *arguments,
        new_axes=columns,
        concatenate=True,  # the columns of a block, of which there is one chunk
        align_arrays=False,  # lengths may not be known
        dtype=like.dtype,
        meta=np.empty((0,) * like.ndim, like.dtype),
    )


def _frame(X, function, model, like):
    """Data frame of function(block, model), with the columns of another one."""
    if not hasattr(like, "iloc"):
        raise TypeError(
            "X must be in memory for frames of "
            f"{type(like).__module__.partition('.')[0]}; got a Dask collection. Choose "
            "'default' or 'pandas' by set_output."
        )
    if not is_frame(X):
        import dask.dataframe as dd

        X, function = dd.from_dask_array(X), partial(_call_for_frame, function)
    return X.map_partitions(function, model, meta=like.iloc[:0], enforce_metadata=False)
