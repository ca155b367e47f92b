"""Log-densities of a block of rows under all components, and sums for an M-step.

The two are done in two ways, for covariances with and without off-diagonal entries:

- *Expanded* about the origin. A log-density is linear in the features 1, x and x x' (or
  x^2), so that those of a block are one product of matrices, and so are the sums of
  these features with the responsibilities as weights. This is the fastest way for few
  columns, and loses as many digits as `Mixture.condition` has.
- *Whitened*. y = P'(x - m) for each component, about its own mean, with P P' the
  precision. The log-density is a constant less |y|^2 / 2, and the sums are those of y
  and y y', relative to the covariance so far; so no digits are lost, whatever the
  condition of the covariances and the distance of the components.

Rows are columns here, one after the other in memory, since they outnumber the others.
`np.dot`, unlike `@`, lets other threads run.
"""

import numpy as np

from sklatent.utils._blocks import row_slices

# Largest conditions for which expansion does.
EXPANDED_CONDITION = {np.float64: 1e6, np.float32: 3e3}
# Up to so many features, expansion is the faster way for full covariances.
EXPANDED_FEATURES = 32
# Responsibilities below this change no sum; where most are, the rest is taken out.
NEGLIGIBLE = {np.float64: 1e-14, np.float32: 1e-10}
FEW = 0.3
# Features that the product with a triangular factor takes at a time.
TRIANGLE = 12


def is_expandable(mixture, dtype):
    """Whether expansion about the origin loses few digits, and is faster."""
    few = mixture.structure.diagonal or mixture.means.shape[1] <= EXPANDED_FEATURES
    return few and mixture.condition < EXPANDED_CONDITION[np.dtype(dtype).type]


class Kernel:
    """What all kernels have.

    Parameters
    ----------
    mixture : Mixture
        The components, in the units of the rows.
    dtype : {float32, float64}
        Precision of the rows and of the products. Sums over blocks are in double
        precision.
    n_rows : int
        How many rows there are: a block has no more.
    """

    # Of a block with its intermediate results: they fit the cache, and are enough work
    # that threads seldom wait for each other.
    block_bytes = 2**21

    def __init__(self, mixture, dtype, n_rows):
        self.mixture, self.dtype = mixture, dtype
        self.k, self.p = mixture.means.shape
        constants = mixture.log_constants
        # In single precision, small numbers have the smaller errors.
        self.log_offset = float(constants.max())
        self.constants = constants - self.log_offset
        size = self.floats_per_row() * np.dtype(dtype).itemsize
        block_rows = int(np.clip(self.block_bytes // size // 64, 2, 128)) * 64
        self.block_rows = min(block_rows, n_rows)

    def mixture_sums(self):
        """Sums of no rows: one array for each component and kind."""
        return [np.zeros((self.k, *shape)) for shape in self.sum_shapes()]


class _Expanded(Kernel):
    """Log-densities theta'phi, with phi the features of a row."""

    def floats_per_row(self):
        return self.n_features() + self.p + self.k

    def sum_shapes(self):
        return [(self.n_features(),)]

    def without_dead(self, theta):
        """A component without weight is nowhere."""
        dead = self.mixture.weights == 0
        if dead.any():
            theta[dead] = 0.0
            theta[dead, 0] = -np.inf
        return theta.astype(self.dtype, copy=False)

    def room(self):
        """Memory for the features of a block."""
        # The longer axis is contiguous.
        order = "F" if self.p > self.block_rows else "C"
        phi = np.empty((self.n_features(), self.block_rows), self.dtype, order)
        phi[0] = 1.0
        return phi

    def rows_in(self, phi, n):
        """Where n rows go, (p, n)."""
        return phi[1 : 1 + self.p, :n]

    def log_joint(self, Z, phi, out):
        """Log of weight times density, less `log_offset`, for each component."""
        phi = phi[:, : Z.shape[1]]
        self.multiply(Z, phi)
        return np.dot(self.theta, phi, out=out)

    def add(self, R, Z, phi, sums):
        """Add what the responsibilities R give to `sums`."""
        sums[0] += np.dot(R, phi[:, : R.shape[1]].T)


class ExpandedFull(_Expanded):
    """Full covariances: 1, x_j, and x_i x_j for i >= j."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        i, j = self.pairs()
        P, m = mixture.expanded_precision_root, mixture.means
        precision = P @ np.swapaxes(P, 1, 2)
        linear = np.einsum("kij,kj->ki", precision, m)
        constant = self.constants - 0.5 * np.einsum("ki,ki->k", linear, m)
        quadratic = np.where(i == j, -0.5, -1.0) * precision[:, i, j]
        theta = np.hstack([constant[:, None], linear, quadratic])
        self.theta = self.without_dead(theta)

    def n_features(self):
        return 1 + self.p + self.p * (self.p + 1) // 2

    def pairs(self):
        """Features i >= j, in the order in which they are multiplied."""
        j, i = np.triu_indices(self.p)
        return i, j

    def multiply(self, Z, phi):
        start = 1 + self.p
        for j in range(self.p):
            stop = start + self.p - j
            np.multiply(Z[j:], Z[j], out=phi[start:stop])
            start = stop

    def moments(self, sums):
        """Weight, mean and covariance of each component."""
        N, first, second = np.split(sums[0], [1, 1 + self.p], axis=1)
        safe = np.where(N > 0, N, 1.0)
        m = first / safe
        S = np.empty((self.k, self.p, self.p))
        i, j = self.pairs()
        S[:, i, j] = S[:, j, i] = second / safe - m[:, i] * m[:, j]
        return N[:, 0], m, S


class ExpandedDiagonal(_Expanded):
    """Diagonal covariances: 1, x_j and x_j^2."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        precision, m = mixture.expanded_precision_root**2, mixture.means
        constant = self.constants - 0.5 * np.einsum("ki,ki->k", precision, m**2)
        theta = np.hstack([constant[:, None], precision * m, -0.5 * precision])
        self.theta = self.without_dead(theta)

    def n_features(self):
        return 1 + 2 * self.p

    def multiply(self, Z, phi):
        np.multiply(Z, Z, out=phi[1 + self.p :])

    def moments(self, sums):
        """Weight, mean and variances of each component."""
        N, first, second = np.split(sums[0], [1, 1 + self.p], axis=1)
        safe = np.where(N > 0, N, 1.0)
        m = first / safe
        return N[:, 0], m, np.maximum(second / safe - m**2, 0.0)


class _Whitened(Kernel):
    """Log-densities by y = P'(x - m)."""

    block_bytes = 2**22  # one component after the other

    def floats_per_row(self):
        return self.k * (self.p + 1) + 2 * self.p

    def room(self):
        """Memory for the intermediate results of a block."""
        size = self.p * self.block_rows
        return tuple(np.empty(size * m, self.dtype) for m in (self.k, 1, 1))

    def rows_in(self, room, n):
        """Where n rows go, (p, n)."""
        return room[2][: self.p * n].reshape(self.p, n)

    def log_joint(self, Z, room, out):
        """Log of weight times density, less `log_offset`, for each component."""
        Y = self.whiten(Z, room)
        for y, square in zip(Y, out, strict=True):
            np.einsum("pb,pb->b", y, y, out=square)
        out *= -0.5
        out += self.constants.astype(self.dtype)[:, None]
        return out

    def whitened_in(self, room, n):
        """Where y lies for n rows, (k, p, n)."""
        return room[0][: self.k * self.p * n].reshape(self.k, self.p, n)


class WhitenedFull(_Whitened):
    """Full covariances: sums of 1, y and y y'."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        P = mixture.expanded_precision_root
        self.means = mixture.means.astype(dtype)[:, :, None]
        self.transposed = np.ascontiguousarray(np.swapaxes(P, 1, 2), dtype=dtype)

    def sum_shapes(self):
        return [(), (self.p,), (self.p, self.p)]

    def whiten(self, Z, room):
        n = Z.shape[1]
        Y = self.whitened_in(room, n)
        for P_transposed, m, y in zip(self.transposed, self.means, Y, strict=True):
            centered = self.center(Z, m, room)
            # Entry j of y takes the features up to j alone.
            for part in row_slices(self.p, TRIANGLE):
                taken = slice(part.stop)
                np.dot(P_transposed[part, taken], centered[taken], out=y[part])
        return Y

    def center(self, Z, m, room):
        """Rows less a mean."""
        centered = room[1][: Z.size].reshape(Z.shape)
        return np.subtract(Z, m, out=centered)

    def add(self, R, Z, room, sums):
        """Add what the responsibilities R give to `sums`."""
        n = R.shape[1]
        N, first, second = sums
        N += R.sum(axis=1, dtype=np.float64)
        scratch = room[1][: self.p * n].reshape(self.p, n)
        for i, y in enumerate(self.whitened_in(room, n)):
            r, weighted = R[i], scratch
            (held,) = np.nonzero(r > NEGLIGIBLE[self.dtype])
            if len(held) < FEW * n:
                y, r, weighted = y[:, held], r[held], None
            first[i] += np.dot(y, r)
            weighted = np.multiply(y, np.sqrt(r), out=weighted)
            second[i] += np.dot(weighted, weighted.T)

    def moments(self, sums):
        """Weight, mean and covariance of each component."""
        N, first, second = sums
        safe = np.where(N > 0, N, 1.0)[:, None]
        shift = first / safe
        S = second / safe[:, :, None] - shift[:, :, None] * shift[:, None, :]
        L = self.mixture.expanded_root
        means = self.mixture.means + np.einsum("kij,kj->ki", L, shift)
        return N, means, L @ S @ np.swapaxes(L, 1, 2)


class WhitenedDiagonal(_Whitened):
    """Diagonal covariances: sums of 1, y and y^2."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        self.means = mixture.means.astype(dtype)[:, :, None]
        self.roots = mixture.expanded_precision_root.astype(dtype)[:, :, None]

    def sum_shapes(self):
        return [(), (self.p,), (self.p,)]

    def whiten(self, Z, room):
        Y = self.whitened_in(room, Z.shape[1])
        for y, m, root in zip(Y, self.means, self.roots, strict=True):
            np.subtract(Z, m, out=y)
            y *= root
        return Y

    def add(self, R, Z, room, sums):
        """Add what the responsibilities R give to `sums`."""
        N, first, second = sums
        N += R.sum(axis=1, dtype=np.float64)
        for i, y in enumerate(self.whitened_in(room, R.shape[1])):
            first[i] += np.dot(y, R[i])
            np.multiply(y, y, out=y)
            second[i] += np.dot(y, R[i])

    def moments(self, sums):
        """Weight, mean and variances of each component."""
        N, first, second = sums
        safe = np.where(N > 0, N, 1.0)[:, None]
        shift = first / safe
        S = np.maximum(second / safe - shift**2, 0.0)
        L = self.mixture.expanded_root
        return N, self.mixture.means + L * shift, L**2 * S
