"""What the detector does to rows, be they an array of numbers or a data frame.

A data frame stays one where the density takes columns that are no numbers.
"""

import hashlib
from numbers import Real

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils._sklearn import _safe_indexing
from sklatent.utils.frames._entries import as_frame, missing_entries


def is_frame(X):
    """Whether the rows stand in a data frame."""
    return not isinstance(X, np.ndarray)


def take(X, rows):
    """Some of the rows, in this order."""
    return _safe_indexing(X, rows)


def observed_entries(X):
    """Which entries are there, an array of bool of shape (n_samples, n_features)."""
    if not is_frame(X):
        return ~np.isnan(X)
    return ~np.column_stack([missing_entries(c) for c in as_frame(X).iter_columns()])


def keep_columns(X, observed):
    """Copy of the rows in which the entries of the other columns are missing."""
    if not is_frame(X):
        return np.where(observed, X, X.dtype.type(np.nan))
    frame = as_frame(X)
    gone = [
        name for name, kept in zip(frame.columns, observed, strict=True) if not kept
    ]
    nothing = [nw.when(nw.col(n).is_null()).then(nw.col(n)).alias(n) for n in gone]
    return frame.with_columns(*nothing).to_native()


# --------------------------------------------------------------------------------
# Which rows are equal


class Seen:
    """The distinct rows of a table, by a number of 64 bits for each.

    Parameters
    ----------
    X : ndarray or data frame of shape (n_samples, n_features)
        The rows.

    Attributes
    ----------
    group : ndarray of shape (n_samples,)
        Equal rows have the same number: 0, 1, ...
    """

    def __init__(self, X):
        self._hashes, self._first, self.group = np.unique(
            row_hashes(X), return_index=True, return_inverse=True
        )

    def find(self, X):
        """Position in the table of the first row that equals each of these, or -1."""
        hashes = row_hashes(X)
        place = np.searchsorted(self._hashes, hashes).clip(max=len(self._hashes) - 1)
        return np.where(self._hashes[place] == hashes, self._first[place], -1)


def row_hashes(X):
    """A number of 64 bits for each row; different rows practically never share one."""
    entries = _bits_of_frame(X) if is_frame(X) else _bits_of_array(X)
    # Each column has a start of its own, so that the order of the entries matters.
    total = np.zeros(len(entries), np.uint64)
    starts = _mixed(np.arange(1, entries.shape[1] + 1, dtype=np.uint64))
    for start, column in zip(starts, entries.T, strict=True):
        total += _mixed(column ^ start)
    return _mixed(total)


def folds_by_hash(X, n_folds):
    """A fold for each row, random and always the same for the same row."""
    return (row_hashes(X) % np.uint64(n_folds)).astype(int)


def _bits_of_array(X):
    X = X.astype(np.float64) + 0.0  # -0.0 becomes 0.0
    X[np.isnan(X)] = np.nan  # one of the many
    return X.view(np.uint64)


def _bits_of_frame(X):
    """Numbers for the entries: equal entries, of whatever type, have the same."""
    observed = observed_entries(X)
    bits = np.zeros(observed.shape, np.uint64)
    for j, column in enumerate(as_frame(X).iter_columns()):
        known = observed[:, j]
        values = [_plain(value) for value in column.to_list()]
        codes = {value: _bits(value) for value in set(values)}
        bits[known, j] = [codes[v] for v, k in zip(values, known, strict=True) if k]
    return bits


def _plain(value):
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    return float(value) + 0.0 if is_number else str(value)


def _bits(value):
    """Of a number those it is stored in, of a text a hash that every process knows."""
    if isinstance(value, float):
        return np.float64(value).view(np.uint64)
    digest = hashlib.blake2b(value.encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _mixed(bits):
    """Spread every bit over all 64: the last step of the generator splitmix64."""
    bits = bits ^ (bits >> np.uint64(30))
    bits = bits * np.uint64(0xBF58476D1CE4E5B9)
    bits = bits ^ (bits >> np.uint64(27))
    bits = bits * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
