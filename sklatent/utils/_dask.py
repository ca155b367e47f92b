"""Dask collections. No other file knows what they are made of.

A pass over the rows is one graph: a task for each block, and a tree that merges what
these return, eight at a time and in the order of the blocks. So the result does not
depend, to the bit, on how many workers there are or which of them is faster; and since
the tasks are pure functions, what a lost worker had done is computed again.

The graph of the rows themselves is optimized once. Nothing is kept on workers between
passes that the user has not persisted.
"""

import sys
import uuid
from functools import reduce

import numpy as np

from sklatent.exceptions import RepeatedReadingWarning
from sklatent.utils._threads import single_blas_thread
from sklatent.utils._warnings import warn

# How many results a task of the tree merges.
FAN_IN = 8


def is_dask(X):
    """Whether X is a Dask collection. Where dask is not imported, nothing is one."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X)


def is_frame(X):
    """Whether a Dask collection is a data frame."""
    # A Delayed object has attributes of any name that is public.
    return hasattr(X, "_meta") and hasattr(X, "columns") and X.ndim == 2


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
    if not hasattr(X, "_meta") or not hasattr(X, "ndim"):
        raise TypeError(
            "X must be a Dask array or data frame, if it is a Dask collection; got "
            f"{type(X).__name__}."
        )
    if X.ndim != 2 or np.isnan(X.shape[1]):
        raise ValueError(
            "X must have two dimensions and a known number of columns; got a Dask "
            f"collection of shape {X.shape}."
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


def block_lengths(X):
    """Number of rows of each block, or None where it is not known."""
    if is_frame(X) or np.isnan(X.shape[0]):
        return None
    return np.array(X.chunks[0], dtype=np.int64)


def like_blocks(sample_weight, X, lengths):
    """A Dask array of weights in the blocks of X, from another one or a series."""
    if not hasattr(sample_weight, "chunks"):
        sample_weight = sample_weight.to_dask_array()
    if sample_weight.ndim != 1:
        raise ValueError(
            f"sample_weight must have one dimension; got {sample_weight.ndim}."
        )
    if lengths is None or np.isnan(sample_weight.shape[0]):
        if sample_weight.numblocks[0] != X.npartitions:
            raise ValueError(
                f"sample_weight must have the {X.npartitions} blocks of X, since "
                f"lengths are not known; got {sample_weight.numblocks[0]}."
            )
        return sample_weight
    if sample_weight.shape[0] != lengths.sum():
        raise ValueError(
            f"sample_weight must have {lengths.sum()} entries, one for each row; got "
            f"{sample_weight.shape[0]}."
        )
    return sample_weight.rechunk((tuple(lengths.tolist()),))


def split(weight, lengths):
    """An array of weights as a Dask array of blocks."""
    import dask.array as da

    return da.from_array(weight, chunks=(tuple(lengths.tolist()),))


class Blocks:
    """The blocks of rows and of their weights, in graphs that can be run again.

    Parameters
    ----------
    X : dask array or dask data frame
        The rows, in chunks of whole rows.
    weight : dask array or None
        Their weights, in the same blocks.
    """

    def __init__(self, X, weight=None):
        self.graph = {}
        self.rows = self._add(X)
        self.weights = [None] * len(self.rows) if weight is None else self._add(weight)

    def _add(self, collection):
        """Take in a graph; return the blocks, by their keys or as futures."""
        import dask
        from dask.core import flatten

        if is_frame(collection):
            # Of which dask.optimize loses the choice of columns, in 2026.8.
            optimized = collection.optimize()
        else:
            (optimized,) = dask.optimize(collection)
        graph = dict(optimized.__dask_graph__())
        self.graph |= graph
        # Optimization leaves out what a cluster holds, of which there are futures.
        given = collection.__dask_graph__()
        keys = flatten(optimized.__dask_keys__())
        return [key if key in graph else given[key] for key in keys]

    def __len__(self):
        return len(self.rows)

    @property
    def are_lazy(self):
        """Whether a block is not in memory, neither here nor on a worker."""
        return any(not _is_data(self.graph, key) for key in self.rows)

    def warn_of_readings(self, which):
        """Warn, if blocks are not in memory, that they will be read in many steps."""
        if self.are_lazy:
            warn(
                f"X is computed or read again in each of {which}. If it fits into "
                "memory, give it X.persist().",
                RepeatedReadingWarning,
            )

    def computed(self):
        """Yield the blocks, with their weights or None, one after the other."""
        for rows, weight in zip(self.rows, self.weights, strict=True):
            key = f"block-{uuid.uuid4().hex}"
            yield self._compute_some({key: (list, [rows, weight])}, [rows, weight], key)

    def reduce(self, function, merge, arguments=None):
        """Merge function(block, weight) over the blocks; None if there is no result.

        Parameters
        ----------
        function : callable
            Pure; what it returns is left out where that is None.
        merge : callable
            merge(result, result) of two results is a result.
        arguments : list or None
            One more argument of the function, for each block.
        """
        name = f"reduce-{uuid.uuid4().hex}"
        graph, level = {**self.graph, name: function}, []
        for i, (rows, weight) in enumerate(zip(self.rows, self.weights, strict=True)):
            key = (name, 0, i)
            graph[key] = (_apply, name, rows, weight)
            if arguments is not None:
                graph[key] += (arguments[i],)
            level.append(key)
        return _compute(graph, _add_tree(graph, name, level, merge))

    def reduce_for(self, others, function, merge, finish):
        """For each block of other rows, a result of `reduce` for it, lazily.

        Blocks that are not in memory are read again for each of the others: as tasks
        that these share, they would be kept until the last of the others is done.

        Parameters
        ----------
        others : dask array
            The other rows, of one or more dimensions.
        function : callable
            Pure: function(block, weight, other block), None if there is no result.
        merge : callable
            merge(result, result) of two results is a result.
        finish : callable
            finish(result) is what is returned for a block of the others.

        Returns
        -------
        results : dask array of shape (n_blocks,)
            Objects, one for each block of the others.
        """
        import dask.array as da
        from dask.core import flatten
        from dask.highlevelgraph import HighLevelGraph

        name = f"reduce-for-{uuid.uuid4().hex}"
        keys = list(flatten(others.__dask_keys__()))
        graph = {f"{name}-function": function, f"{name}-finish": finish, **self.graph}
        readings = self._reading_tasks() if self.are_lazy else {}
        for i, other in enumerate(keys):
            names = {key: (f"{name}-{i}-reading", key) for key in readings}
            for key, task in readings.items():
                graph[names[key]] = task.substitute(names, key=names[key])
            level = []
            for j, block in enumerate(zip(self.rows, self.weights, strict=True)):
                key = (f"{name}-{i}", 0, j)
                block = [names.get(k, k) if _is_key(k) else k for k in block]
                graph[key] = (_apply, f"{name}-function", *block, other)
                level.append(key)
            root = _add_tree(graph, f"{name}-{i}", level, merge)
            graph[name, i] = (_apply, f"{name}-finish", root)
        layers = HighLevelGraph.from_collections(name, graph, dependencies=[others])
        return da.Array(layers, name, ((1,) * len(keys),), meta=np.empty(0, object))

    def _reading_tasks(self):
        """Tasks of the graph that can be repeated under other names.

        Tasks that are tuples cannot, of which optimization mostly leaves none.
        """
        return {
            key: node
            for key, node in self.graph.items()
            if _is_task(node) and hasattr(node, "substitute")
        }

    def collect(self, function, arguments):
        """List function(block, weight, argument) for the blocks that have one.

        Parameters
        ----------
        function : callable
            Pure.
        arguments : dict
            An argument for each of some blocks, by their number.
        """
        name = f"collect-{uuid.uuid4().hex}"
        tasks, keys, needed = {name: function}, [], []
        for i, argument in arguments.items():
            keys.append((name, i))
            needed += [self.rows[i], self.weights[i]]
            tasks[name, i] = (_apply, name, self.rows[i], self.weights[i], argument)
        tasks[name, "all"] = (list, keys)
        return self._compute_some(tasks, needed, (name, "all"))

    def _compute_some(self, tasks, needed, key):
        """Value of a key, for which some of the blocks and weights are needed."""
        from dask.optimization import cull

        graph, _ = cull(self.graph, [part for part in needed if part in self.graph])
        return _compute({**graph, **tasks}, key)


def _is_data(graph, key):
    """Whether a block is in memory, and not what a task is to return."""
    node = graph.get(key)
    while hasattr(type(node), "target"):  # another name of it
        node = graph.get(node.target)
    return not _is_task(node)


def _is_task(node):
    """Whether a value of a graph is something to compute, or another name of it.

    Tasks of Dask have attributes that a column of a data frame may be called by.
    """
    by_tuple = type(node) is tuple and callable(node[0])
    return by_tuple or any(hasattr(type(node), name) for name in ("func", "target"))


def _is_key(part):
    """Whether a block is given by its key, and not as a future or None."""
    return isinstance(part, str | tuple)


def _add_tree(graph, name, level, merge):
    """Add tasks that merge the results of some keys; return the key of the whole."""
    depth = 0
    while len(level) > 1:
        depth += 1
        merged = []
        for i in range(0, len(level), FAN_IN):
            key = (name, depth, i // FAN_IN)
            graph[key] = (_merge_all, merge, level[i : i + FAN_IN])
            merged.append(key)
        level = merged
    return level[0]


def _apply(function, *arguments):
    """Call a function; the results must not depend on how many threads BLAS has."""
    with single_blas_thread:
        return function(*arguments)


def _merge_all(merge, results):
    results = [result for result in results if result is not None]
    return reduce(merge, results) if results else None


def _compute(graph, key):
    """Value of a key, by the scheduler that is set or that of a client.

    All of the graph is needed, and that of the rows has been optimized.
    """
    from dask.delayed import Delayed

    return Delayed(key, graph).compute(optimize_graph=False)
