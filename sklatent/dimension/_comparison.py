"""All estimators of the dimension on one table, with the same neighbors."""

import numpy as np
from sklearn.base import clone

from sklatent.dimension._advice import advice
from sklatent.dimension._danco import DANCo
from sklatent.dimension._dimension_comparison import DimensionComparison
from sklatent.dimension._ess import ESS
from sklatent.dimension._gride import Gride
from sklatent.dimension._levina_bickel import LevinaBickel
from sklatent.dimension._neighbor_scaling import NeighborScaling
from sklatent.dimension._pca_spectrum import PCASpectrum
from sklatent.dimension._shared_search import SharedSearch
from sklatent.dimension._two_nn import TwoNN
from sklatent.utils._tables import check_in_memory

# Names, estimators and what these are sensitive to.
NEAR, FAR = "TwoNN, corrected", "Gride 16, corrected"
ESTIMATORS = {
    "TwoNN": (TwoNN(), "noise; edges in many dimensions"),
    NEAR: (TwoNN(correction="ball"), "noise; no edge, as on a torus"),
    "Gride 4, corrected": (
        Gride(4, max_neighbors=2, correction="ball"),
        "curvature, uneven density; no edge",
    ),
    FAR: (
        Gride(16, max_neighbors=2, correction="ball"),
        "curvature, uneven density; no edge",
    ),
    "LevinaBickel": (LevinaBickel(), "edges, curvature, uneven density"),
    "NeighborScaling": (NeighborScaling(), "edges, curvature, uneven density"),
    "DANCo": (DANCo(), "unequal axes, edges"),
    "ESS": (ESS(), "curvature; unequal axes, edges"),
    "PCASpectrum": (PCASpectrum(), "curvature, units of the columns"),
}
# Of all of them, the 2 x 16 of Gride.
N_NEIGHBORS = 32


def compare_dimensions(X, *, confidence_level=0.95, n_jobs=None, verbose=0):
    """Estimate the dimension in every way, with one search for neighbors.

    Estimators of the dimension look at different properties of the data, at different
    scales, and are wrong for different reasons. Their table shows whether the answer
    depends on these.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data.
    confidence_level : float, default=0.95
        Probability that a confidence interval covers the dimension.
    n_jobs : int, default=None
        Number of threads. None uses as many as BLAS would.
    verbose : int, default=0
        With 1 or more, each estimator prints its progress, the first that of the
        search. With 0 they print nothing.

    Returns
    -------
    comparison : DimensionComparison
        Estimates, intervals, scales, p-value, times and advice. Printed, it is a
        table.

    Raises
    ------
    ValueError
        If there are less than five distinct rows, or they lie on a grid on which
        nearest distances tie.

    Warns
    -----
    DuplicateRowsWarning
        If rows repeat others.
    FewRowsWarning
        If there are less than 33 distinct rows.
    DiscreteDataWarning
        If more than 1 % of the rows have two nearest neighbors at one distance.

    See Also
    --------
    sklatent.inspection.DimensionDisplay.from_comparison : Draws the table.
    Gride : The dimension at all scales.

    Notes
    -----
    The advice follows a rule. Two numbers agree if they differ by up to 20 %.

    1. Corrected estimates from 2 neighbors (TwoNN) and from 16 to 32 (Gride) do not
       agree, and their intervals do not overlap. If the dimension rises with the
       scale, neighborhoods are curved or parts of the data are folded onto each other,
       and the smallest scale is right. If it falls, there is noise at the smaller
       scale, which ends at the larger one, or the density is uneven, which disturbs
       the larger one more; a person has to say which.
    2. Otherwise, if the p-value of TwoNN is below 0.01, there is no single dimension.
    3. Otherwise, if the corrected TwoNN (distances), DANCo (distances and angles) and
       ESS (angles) agree, the advice is their median.
    4. Otherwise it is the range of these three.

    The intervals are those of the estimators. They cover chance, not the bias that
    their differences show.

    Examples
    --------
    A sheet that is rolled up is found to be one, although it fills three directions:

    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import compare_dimensions
    >>> X, _ = make_swiss_roll(1000, random_state=0)
    >>> comparison = compare_dimensions(X)
    >>> print(comparison.advice)
    About 2.0 dimensions: distances and angles agree, and so do near and far neighbors.

    With noise, it depends on the scale:

    >>> X, _ = make_swiss_roll(1000, noise=0.3, random_state=0)
    >>> advice = compare_dimensions(X).advice
    >>> print(advice[: advice.index(":")])
    The dimension falls with the scale, from 2.6 at a distance of 1.05 to 2.0 at 4.59
    """
    check_in_memory(X, "compare_dimensions")
    search = SharedSearch(N_NEIGHBORS)
    fitted, seconds = {}, []
    for name, (estimator, _) in ESTIMATORS.items():
        fitted[name] = clone(estimator).set_params(
            confidence_level=confidence_level, n_jobs=n_jobs, verbose=verbose
        )
        seconds.append(search.fit(fitted[name], X))
    scale = {name: _scale(each, search) for name, each in fitted.items()}
    near, far = fitted[NEAR], fitted[FAR]
    return DimensionComparison(
        names=list(fitted),
        estimators=list(fitted.values()),
        dimension=np.array([each.dimension_ for each in fitted.values()]),
        confidence_interval=np.array(
            [each.confidence_interval_ for each in fitted.values()]
        ),
        scale=np.array(list(scale.values())),
        pvalue=np.array([getattr(each, "pvalue_", np.nan) for each in fitted.values()]),
        seconds=np.array(seconds),
        sensitive_to=[text for _, text in ESTIMATORS.values()],
        n_neighbors=search.n_found,
        search_seconds=search.seconds,
        confidence_level=confidence_level,
        advice=advice(
            (near.dimension_, near.confidence_interval_),
            (far.dimension_, far.confidence_interval_),
            [fitted["DANCo"].dimension_, fitted["ESS"].dimension_],
            near.pvalue_,
            (scale[NEAR], scale[FAR]),
        ),
    )


def _scale(fitted, search):
    """Geometric mean distance to the farthest neighbor that `dimension_` is from."""
    if isinstance(fitted, PCASpectrum):
        return np.nan
    if isinstance(fitted, TwoNN):
        return fitted.scale_
    if isinstance(fitted, Gride):
        return search.scale(2 * fitted.n1_)
    if isinstance(fitted, DANCo):
        return search.scale(fitted.n_neighbors_ + 1)
    return search.scale(getattr(fitted, "max_neighbors_", None) or fitted.n_neighbors_)
