"""The table of a comparison of estimators."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DimensionComparison:
    """Estimates of the dimension of one table, side by side, and a sentence of advice.

    :func:`compare_dimensions` returns it; printed, it is a table with a row for each
    estimator.

    Parameters
    ----------
    names : list of str
        Names of the estimators.
    estimators : list of estimator objects
        The fitted estimators.
    dimension : ndarray of shape (n_estimators,)
        Estimates of the dimension.
    confidence_interval : ndarray of shape (n_estimators, 2)
        Confidence interval of each estimate.
    scale : ndarray of shape (n_estimators,)
        Geometric mean of the distances to the farthest neighbor that an estimate is
        from, in units of the data. NaN for estimates that look at all rows together.
    pvalue : ndarray of shape (n_estimators,)
        Probability of a fit that is no better, if there is one dimension and the
        density is even. NaN where there is no such test.
    seconds : ndarray of shape (n_estimators,)
        Time of each fit, without the search for neighbors that all have in common.
    sensitive_to : list of str
        What makes each estimate too high or too low.
    n_neighbors : int
        Number of neighbors that were searched for.
    search_seconds : float
        Time of the search for neighbors.
    confidence_level : float
        Probability that a confidence interval covers the dimension.
    advice : str
        One sentence, by the rule of :func:`compare_dimensions`.

    See Also
    --------
    compare_dimensions : Fits the estimators.
    sklatent.inspection.DimensionDisplay.from_comparison : Draws the table.

    Examples
    --------
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import compare_dimensions
    >>> X, _ = make_swiss_roll(1000, random_state=0)
    >>> comparison = compare_dimensions(X)
    >>> dict(zip(comparison.names, comparison.dimension.round(1).tolist()))["TwoNN"]
    2.0
    """

    names: list
    estimators: list
    dimension: np.ndarray
    confidence_interval: np.ndarray
    scale: np.ndarray
    pvalue: np.ndarray
    seconds: np.ndarray
    sensitive_to: list
    n_neighbors: int
    search_seconds: float
    confidence_level: float
    advice: str

    def __repr__(self):
        level = f"{100 * self.confidence_level:g} % interval"
        lines = [
            f"{'':<20}{'dimension':>9}{level:>18}{'scale':>9}{'p-value':>9}"
            f"{'seconds':>9}  sensitive to"
        ]
        for i, name in enumerate(self.names):
            low, high = self.confidence_interval[i]
            lines.append(
                f"{name:<20}{self.dimension[i]:>9.2f}{f'{low:.2f} to {high:.2f}':>18}"
                f"{_or_dash(self.scale[i], '.3g'):>9}"
                f"{_or_dash(self.pvalue[i], '.2f'):>9}"
                f"{self.seconds[i]:>9.2f}  {self.sensitive_to[i]}"
            )
        lines.append(
            f"The search for {self.n_neighbors} neighbors took "
            f"{self.search_seconds:.2f} seconds."
        )
        return "\n".join([*lines, self.advice])

    def to_frame(self):
        """Return the table as a DataFrame of pandas.

        Returns
        -------
        frame : pandas.DataFrame
            A row for each estimator, by name, with the columns `dimension`, `low` and
            `high` of the interval, `scale`, `pvalue`, `seconds` and `sensitive_to`.

        Raises
        ------
        ImportError
            If pandas is not installed. Printing the table does not need it.

        Examples
        --------
        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import compare_dimensions
        >>> X, _ = make_swiss_roll(500, random_state=0)
        >>> frame = compare_dimensions(X).to_frame()
        >>> frame.loc["TwoNN", ["dimension", "low", "high"]].astype(float).round(1)
        dimension    2.0
        low          1.8
        high         2.2
        Name: TwoNN, dtype: float64
        """
        import pandas as pd

        low, high = self.confidence_interval.T
        return pd.DataFrame(
            {
                "dimension": self.dimension,
                "low": low,
                "high": high,
                "scale": self.scale,
                "pvalue": self.pvalue,
                "seconds": self.seconds,
                "sensitive_to": self.sensitive_to,
            },
            index=pd.Index(self.names, name="estimator"),
        )


def _or_dash(number, digits):
    """Write a number, or a dash for NaN."""
    return "-" if np.isnan(number) else format(number, digits)
