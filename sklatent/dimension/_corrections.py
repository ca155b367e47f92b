"""What estimates say of the dimension, beyond what their papers define."""

from typing import NamedTuple

import numpy as np

from sklatent.dimension import _estimates
from sklatent.dimension._calibration import correct, dependence
from sklatent.dimension._shapes import posterior
from sklatent.utils._arrays import namespace_of
from sklatent.utils._sklearn import StrOptions

# Farther scales for "shapes", n1 of `_estimates.gride`: those in the tables.
FAR = (16, 8, 4, 2)
# Estimates at two scales whose p-value is smaller do not belong to one shape.
DISAGREE = 0.01


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
    influence : ndarray of shape (n_queries,)
        The influence of each row whose neighbors were looked for.
    share : float
        Share of the distinct rows that these are.
    """

    function: str
    settings: list
    dimension: float
    influence: np.ndarray
    share: float

    def spread(self):
        """What chance in each row adds to the logarithm of the estimate.

        This is the influence of independent rows, times the factor c for neighbors in
        common. It comes from pairs of rows, of which a share f of the rows makes a
        share f of those that each row is in: its square is 1 + f (c^2 - 1).
        """
        factor = dependence(self.function, self.settings[-1], self.dimension)
        factor = np.sqrt(1 + self.share * (factor**2 - 1))
        return factor * self.influence / len(self.influence)

    def log_std(self):
        """Return the standard error of the logarithm of the estimate."""
        return np.linalg.norm(self.spread())


def gride_scale(neighbors, n1):
    """Return the `Scale` of the ratio of neighbors 2 n1 and n1."""
    t, _ = neighbors.log_ratios(n1, 2 * n1)
    return Scale("gride", [n1], *_estimates.gride(t, n1, 2 * n1), neighbors.share)


class CorrectedMixin:
    """The parameter `correction`, for the bias of finite samples.

    Subclasses set the uncorrected estimate and call `_correct`.
    """

    _parameter_constraints = {"correction": [StrOptions({"ball", "shapes"}), None]}

    def _far_n1(self, n1, n_distinct):
        """List n1 of the scales beyond `n1` that "shapes" looks at, farthest first."""
        if self.correction != "shapes":
            return []
        most = (n_distinct - 1) // 2
        return [far for far in FAR if n1 < far <= most]

    def _most(self):
        """Bound of the dimension for "shapes": that of the plane that the rows span."""
        if self.correction != "shapes" or self._rows is None:
            return np.inf
        xp, rows = namespace_of(self._rows), self._rows
        return max(int(xp.linalg.matrix_rank(rows - xp.mean(rows, axis=0))), 1)

    def _correct(self, n_distinct, scale, others=(), most=np.inf):
        """Correct the estimate and its error bar.

        Parameters
        ----------
        n_distinct : float
            Number of distinct rows.
        scale : Scale
            Of the estimate.
        others : iterable of Scale, default=()
            Of estimates at other scales, for "shapes", the least alike first. The
            first one is used that agrees with the estimate; if none does, the last.
        most : float, default=np.inf
            From `_most`.
        """
        if self.correction == "ball":
            self._correct_as_of_ball(n_distinct, scale)
        elif self.correction == "shapes":
            law = self._law(n_distinct, scale)
            for other in others:
                law = self._law(n_distinct, scale, other)
                if law.pvalue > DISAGREE:
                    break
            self._set_law(law, most)

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

    def _law(self, n_distinct, *scales):
        """Posterior of the dimension, given the estimate and those at other scales."""
        estimates = [self.dimension_, *(scale.dimension for scale in scales[1:])]
        spread = np.array([scale.spread() for scale in scales])
        return posterior(
            [(scale.function, scale.settings) for scale in scales],
            n_distinct,
            np.log(estimates),
            spread @ spread.T,
        )

    def _set_law(self, law, most):
        """Set the median, the spread and quantiles of a posterior, up to a bound."""
        tail = 0.5 - 0.5 * self.confidence_level
        quantiles = np.minimum(law.quantiles([tail, 0.5, 1 - tail]), most)
        low, self.dimension_, high = quantiles.tolist()
        self.dimension_std_ = float(self.dimension_ * law.log_std())
        self.confidence_interval_ = np.array([low, high])
