"""Parameters of MDS in former versions of scikit-learn."""

from sklatent.utils._warnings import warn


def read_old_parameters(mds):
    """Return the metric and the kind, also where they are given by old parameters.

    Parameters
    ----------
    mds : MDS
        The estimator.

    Returns
    -------
    metric : str or callable
        The dissimilarity.
    is_metric : bool
        Whether scaling is metric.

    Raises
    ------
    ValueError
        If the metric is given twice.
    """
    metric, is_metric = mds.metric, mds.metric_mds
    if mds.dissimilarity != "deprecated":
        if not isinstance(mds.metric, bool) and mds.metric != "euclidean":
            raise ValueError(
                "You provided both `dissimilarity` and `metric`; got "
                f"dissimilarity={mds.dissimilarity!r} and metric={mds.metric!r}. "
                "Please use only `metric`."
            )
        warn(
            "The `dissimilarity` parameter is deprecated, as it is in "
            f"scikit-learn. Use metric={mds.dissimilarity!r} instead.",
            FutureWarning,
        )
        metric = mds.dissimilarity
    if isinstance(mds.metric, bool):
        warn(
            f"Use metric_mds={mds.metric} instead of metric={mds.metric}, which "
            "is deprecated, as it is in scikit-learn.",
            FutureWarning,
        )
        is_metric = mds.metric
        if mds.dissimilarity == "deprecated":
            metric = "euclidean"
    return metric, is_metric
