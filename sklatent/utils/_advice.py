"""What to say where a method or a parameter is looked for that a class has not.

Methods that only some classes have, and parameters under the names that other packages
give them.
"""

import functools
import inspect

# Classes with a method, or what to use in its place.
METHODS = {
    "impute": "PPCA, FactorAnalysis, GaussianMixture and VAETransformer have it.",
    "inverse_transform": (
        "PCA, PPCA, FactorAnalysis, the estimators of sklatent.neural and the "
        "estimators of sklatent.manifold have it."
    ),
    "posterior": "PCA, PPCA, FactorAnalysis and VAETransformer have it.",
    "predict": (
        "GaussianMixture has it, for clusters; sklatent.outlier finds outliers by any "
        "score_samples."
    ),
    "reconstruction_error": (
        "PCA, PPCA, FactorAnalysis, the estimators of sklatent.neural and the "
        "estimators of sklatent.manifold have it."
    ),
    "sample": (
        "PCA, PPCA, FactorAnalysis, VAETransformer, GaussianMixture, KernelDensity, "
        "HistogramDensity, StackedDensity and TransformedDensity have it."
    ),
    "sample_missing": (
        "PPCA, FactorAnalysis, GaussianMixture and VAETransformer have it."
    ),
    "score_samples": (
        "PCA, PPCA, FactorAnalysis, VAETransformer and the estimators of "
        "sklatent.density return a log-density."
    ),
    "transform": (
        "PCA, PPCA, FactorAnalysis, the estimators of sklatent.neural and the "
        "estimators of sklatent.manifold have it."
    ),
}
METHODS["fit_predict"] = METHODS["predict"]
METHODS["fit_transform"] = METHODS["transform"]

# Names of parameters elsewhere, and ours, of which a class has one or none.
PARAMETERS = {
    **dict.fromkeys(
        ("latent_dim", "latent_dims", "latent_size", "n_latent", "z_dim"),
        ("n_components",),
    ),
    **dict.fromkeys(
        ("code_size", "encoding_dim", "n_dim", "n_dims", "n_clusters"),
        ("n_components",),
    ),
    **dict.fromkeys(
        ("epochs", "n_epochs", "num_epochs", "max_iter", "n_iter", "max_epochs"),
        ("max_epochs", "max_iter", "n_epochs"),
    ),
    **dict.fromkeys(
        ("learning_rate", "learning_rate_init", "lr"), ("lr", "learning_rate")
    ),
    **dict.fromkeys(
        ("hidden_dim", "hidden_dims", "hidden_layers", "hidden_units", "layer_sizes"),
        ("hidden_layer_sizes",),
    ),
    **dict.fromkeys(("seed", "random_seed"), ("random_state",)),
    **dict.fromkeys(("bw", "bw_method"), ("bandwidth",)),
    "kl_weight": ("beta",),
    **dict.fromkeys(("k", "n_neighbors", "perplexity"), ("n_neighbors", "perplexity")),
    **dict.fromkeys(("metric_kwds", "metric_params"), ("metric_params", "metric_kwds")),
    "dissimilarity": ("metric",),
    "dof": ("degrees_of_freedom",),
    **dict.fromkeys(("initialization", "init"), ("init",)),
    **dict.fromkeys(("negative_gradient_method",), ("method",)),
    **dict.fromkeys(("tol", "eps"), ("tol", "eps")),
    "patience": ("n_iter_no_change",),
}


def missing_method(estimator, name, error):
    """Say why an estimator has no method, and which have it; None if unknown.

    Parameters
    ----------
    estimator : estimator
        Whose `_method_advice` is a dictionary such as `METHODS`.
    name : str
        Name of an attribute.
    error : AttributeError
        Raised as it was looked for. Its cause is what the function says that decides
        whether a method is available.
    """
    if isinstance(error.__cause__, AttributeError):
        return str(error.__cause__)
    advice = estimator._method_advice.get(name)
    return advice and f"{type(estimator).__name__} has no {name}. {advice}"


def named_as_here(init):
    """Let an `__init__` say what a parameter is called that it does not have."""
    known = inspect.signature(init).parameters

    @functools.wraps(init)
    def wrapped(self, *args, **kwargs):
        for name in kwargs.keys() & PARAMETERS.keys() - known.keys():
            ours = [parameter for parameter in PARAMETERS[name] if parameter in known]
            if ours:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword "
                    f"argument {name!r}; it is called {ours[0]} here."
                )
        init(self, *args, **kwargs)

    return wrapped
