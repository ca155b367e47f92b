"""What bandwidths need to know of rows that come in blocks: their moments, and no more.

Rules that compare the rows with each other, such as "loo", are for rows in memory.
"""

from typing import NamedTuple

import numpy as np

from sklatent.density.histogram._order_statistics import smallest_above
from sklatent.density.kernel._bandwidth import QUARTILES, rule_by_spread
from sklatent.density.kernel._choose_bandwidth import given_bandwidth
from sklatent.density.kernel._radial import KERNELS
from sklatent.density.kernel._whitening import whitening_by
from sklatent.utils._rounding import Ranges

RULES = ("scott", "silverman")


def check_by_blocks(rows, bandwidth, adaptive):
    """Raise if a bandwidth needs to compare rows in blocks with each other."""
    if isinstance(bandwidth, str) and bandwidth not in RULES:
        rows.require_array(
            f"bandwidth={bandwidth!r}",
            "choose 'scott', 'silverman' or a number, such as the bandwidth_ of a "
            "sample of the rows",
        )
    if adaptive:
        rows.require_array(f"adaptive={adaptive!r}", "choose adaptive=False")


class BlockedSpread(NamedTuple):
    """Spread of the columns that vary, of rows in blocks.

    Parameters
    ----------
    rows : DaskRows
        The rows.
    columns : ConstantColumns
        Which of their columns vary.
    """

    rows: object
    columns: object

    @property
    def sigma(self):
        """Standard deviations, about 1/n."""
        of_all = self.rows.overview.columns
        sigma = np.sqrt(of_all.squares / of_all.count)[self.columns.varies]
        if not (np.isfinite(sigma) & (sigma > 0)).all():
            raise ValueError(
                "X must have features whose squares are in the range of double "
                "precision, if it is a Dask collection; got a standard deviation of 0 "
                "or infinity. Divide the feature by its range."
            )
        return sigma

    def whitening(self):
        """Return the coordinates in which the rows are round."""
        varies, sigma = self.columns.varies, self.sigma
        moments = self.rows.moments(np.float64)
        covariance = moments.scatter[np.ix_(varies, varies)] / moments.weight
        correlation = covariance / np.outer(sigma, sigma)
        return whitening_by(moments.mean[varies], sigma, correlation, 1.0)

    def bandwidth(self, whitening, *, bandwidth, kernel, whiten, **_):
        """Return the bandwidth that is given, or by a rule of thumb.

        Parameters
        ----------
        whitening : Whitening or None
            Coordinates that the bandwidth is for; None for those of the rows.
        bandwidth, kernel, whiten
            Parameters of `KernelDensity`.

        Returns
        -------
        width : float or ndarray of shape (n_features,)
            The bandwidth.
        """
        d = np.count_nonzero(self.columns.varies)
        if not isinstance(bandwidth, str):
            return given_bandwidth(bandwidth, d, whiten)
        n = self.rows.row_count(f"bandwidth={bandwidth!r}")
        sigma, quartile_range = self.sigma, 0.0
        if d == 1 and bandwidth == "silverman":
            quartile_range = self._quartile_range()
        if whiten:
            quartile_range /= np.exp(whitening.log_det)
            sigma = np.ones(d)
        width = rule_by_spread(n, sigma, bandwidth, quartile_range)
        return width / np.sqrt(KERNELS[kernel].variance(d))

    def _quartile_range(self):
        """Difference of the quartiles of the only column that varies, 0 if they tie."""
        low, high, _ = self.rows.reduce(Ranges.of, Ranges.merge)
        # Rounding of the sums must not move a quantile that is at a step to the next.
        targets = np.multiply(QUARTILES, self.rows.total) * (1 - 1e-12)
        quartiles = smallest_above(self.rows, targets, low, high)
        (j,) = np.flatnonzero(self.columns.varies)
        difference = float(np.ptp(quartiles[j]))
        return difference if difference > self.columns.tolerance[j] else 0.0
