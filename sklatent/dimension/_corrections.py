"""What estimates say of the dimension, beyond what their papers define."""

from typing import NamedTuple

import numpy as np

from sklatent.dimension import _estimates
from sklatent.dimension._calibration import correct, dependence
from sklatent.dimension._shapes import posterior
from sklatent.utils._sklearn import StrOptions

# The larger scale of "shapes", n1 of `_estimates.gride`: the largest in the tables.
FAR = 16


class Scale(NamedTuple):
    """An estimate from neighbors at some distance.

    Parameters
    ----------
    function : str
        Name of a function of `sklatent.dimension._estimates`.
    settings : sequence of float
        Its settings, ascending, over which the estimate is an average.
    dimension : float
        The estimate.
    influence : ndarray of shape (n_distinct,)
        The influence of each row.
    """

    function: str
    settings: list
    dimension: float
    influence: np.ndarray

    def spread(self):
        """What chance in each row adds to the logarithm of the estimate.

        This is the influence of independent rows, times the factor for neighbors in
        common.
        """
        factor = dependence(self.function, self.settings[-1], self.dimension)
        return factor * self.influence / len(self.influence)

    def log_std(self):
        """Return the standard error of the logarithm of the estimate."""
        return np.linalg.norm(self.spread())


def gride_scale(neighbors, n1):
    """Return the `Scale` of the ratio of neighbors 2 n1 and n1."""
    t, _ = neighbors.log_ratios(n1, 2 * n1)
    return Scale("gride", [n1], *_estimates.gride(t, n1, 2 * n1))


class CorrectedMixin:
    """The parameter `correction`, for the bias of finite samples.

    Subclasses set the uncorrected estimate and call `_correct`.
    """

    _parameter_constraints = {"correction": [StrOptions({"ball", "shapes"}), None]}

    def _far_n1(self, n1, n_distinct):
        """Find n1 of the scale beyond that of `n1` that "shapes" needs; or none."""
        far = min(FAR, (n_distinct - 1) // 2)
        return far if self.correction == "shapes" and far > n1 else None

    def _correct(self, n_distinct, scale, *others):
        """Correct the estimate and its error bar.

        Parameters
        ----------
        n_distinct : int
            Number of distinct rows.
        scale : Scale
            Of the estimate.
        *others : Scale
            Of estimates at other scales, for "shapes". There the interval holds the
            uncertainty about the shape of the data.
        """
        if self.correction == "ball":
            self._correct_as_of_ball(n_distinct, scale)
        elif self.correction == "shapes":
            self._correct_for_shape(n_distinct, [scale, *others])

    def _correct_as_of_ball(self, n_distinct, scale):
        step = np.exp(self.dimension_std_ / self.dimension_)
        self.dimension_, low, high, *interval = correct(
            scale.function,
            scale.settings,
            n_distinct,
            self.dimension_,
            self.dimension_ / step,
            self.dimension_ * step,
            *self.confidence_interval_,
        ).tolist()
        self.dimension_std_ = 0.5 * (high - low)
        self.confidence_interval_ = np.array(interval)

    def _correct_for_shape(self, n_distinct, scales):
        estimates = [self.dimension_, *(scale.dimension for scale in scales[1:])]
        spread = np.array([scale.spread() for scale in scales])
        law = posterior(
            [(scale.function, scale.settings) for scale in scales],
            n_distinct,
            np.log(estimates),
            spread @ spread.T,
        )
        tail = 0.5 - 0.5 * self.confidence_level
        low, self.dimension_, high = law.quantiles([tail, 0.5, 1 - tail]).tolist()
        self.dimension_std_ = float(law.std())
        self.confidence_interval_ = np.array([low, high])
