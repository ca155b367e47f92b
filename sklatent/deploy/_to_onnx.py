"""Fitted estimators as ONNX graphs."""

import os

from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklatent._version import __version__
from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture
from sklatent.deploy import _graphs
from sklatent.utils._extras import install_advice
from sklatent.utils._files import write_atomically

LINEAR = {
    "transform": _graphs.transform,
    "inverse_transform": _graphs.inverse_transform,
    "score_samples": _graphs.log_density,
}
MIXTURE = {
    "score_samples": _graphs.mixture_log_density,
    "predict": _graphs.mixture_labels,
    "predict_proba": _graphs.mixture_probabilities,
}
GRAPHS = {PCA: LINEAR, PPCA: LINEAR, FactorAnalysis: LINEAR, GaussianMixture: MIXTURE}
NETWORKS = ("transform", "inverse_transform")
DTYPES = ("float32", "float64")


def to_onnx(estimator, path=None, *, method="transform", dtype="float32"):
    """Write a method of a fitted estimator as an ONNX graph.

    The graph takes rows in the units of the data, or codes for `inverse_transform`: the
    standardization and the maps to normal scores are in it. It has one input, "X", with
    any number of rows, and one output, which is named like the method. It has no
    branches that depend on the data.

    ============================================  =====================================
    estimator                                     methods
    ============================================  =====================================
    `AETransformer`, `VAETransformer`             "transform", "inverse_transform"
    `ParametricEmbedding`                         the same, the second only with a
                                                  `reconstruction_weight`
    `PCA`, `PPCA`, `FactorAnalysis`               both, and "score_samples"
    `GaussianMixture`                             "score_samples", "predict",
                                                  "predict_proba"
    ============================================  =====================================

    Parameters
    ----------
    estimator : estimator
        The fitted estimator, one of those in the table.
    path : path-like, default=None
        A file to write the graph to, replaced if it is there. None writes none.
    method : str, default="transform"
        What the graph computes.
    dtype : {"float32", "float64"}, default="float32"
        Precision of the input and the output. Networks are computed in it, all else in
        double precision.

    Returns
    -------
    model : onnx.ModelProto
        The graph.

    Raises
    ------
    ImportError
        If onnx, or for networks onnxscript, is not installed; both come with the extra
        ``deploy``.
    ValueError
        If the estimator has no graph for the method, takes strings, dates or
        categories, or has networks whose operations depend on the number of rows.
    OSError
        If the file cannot be written.

    See Also
    --------
    save : A file that `load` makes an estimator of again.

    Notes
    -----
    Results agree with those of the estimator to rounding in the precision of the input.
    The input has no missing entries, except for the `transform` of a `VAETransformer`,
    where NaN marks one as usual. In `inverse_transform` of columns with normal scores,
    an entry is a mean over a grid; where rounding moves a point of it to the next one,
    the difference is up to some 1e-5 of the standard deviation of the column.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.density import GaussianMixture
    >>> from sklatent.deploy import to_onnx
    >>> X = load_iris().data.astype(np.float32)
    >>> mixture = GaussianMixture(3, random_state=0).fit(X)
    >>> model = to_onnx(mixture, method="score_samples")
    >>> session = onnxruntime.InferenceSession(model.SerializeToString())
    >>> (log_density,) = session.run(["score_samples"], {"X": X})
    >>> bool(np.allclose(log_density, mixture.score_samples(X), rtol=1e-6, atol=1e-5))
    True
    """
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be 'float32' or 'float64'; got {dtype!r}.")
    table = getattr(estimator, "table_", None)
    of_numbers = table is None or table.has_only_numbers
    if get_tags(estimator).input_tags.string or not of_numbers:
        raise ValueError(
            f"estimator must take numbers only to become a graph; this {name} takes "
            "strings, dates or categories. Encode these columns, and fit it with a "
            "likelihood for each."
        )
    graphs = next((g for cls, g in GRAPHS.items() if isinstance(estimator, cls)), None)
    is_network = hasattr(estimator, "_to_onnx")
    if graphs is None and not is_network:
        known = ", ".join(cls.__name__ for cls in GRAPHS)
        raise ValueError(
            "estimator must be one of those with an ONNX graph, AETransformer, "
            f"ParametricEmbedding, VAETransformer, {known}; got {name}. Use `save` for "
            "others."
        )
    methods = NETWORKS if is_network else tuple(graphs)
    if method not in methods:
        raise ValueError(f"method must be one of {methods} for {name}; got {method!r}.")
    check_installed("onnx", *(["onnxscript"] if is_network else []))
    if is_network:
        model = estimator._to_onnx(method, dtype)
    else:
        model = graphs[method](estimator, method, dtype)
    _graphs.describe(model, name, __version__)
    if path is not None:
        write_atomically(os.fspath(path), model.SerializeToString())
    return model


def check_installed(*packages):
    """Raise ImportError that names the extra if a package is not installed."""
    for package in packages:
        try:
            __import__(package)
        except ImportError as error:
            raise ImportError(
                f"to_onnx needs {package}, which is not installed. "
                f"{install_advice('deploy')}"
            ) from error
