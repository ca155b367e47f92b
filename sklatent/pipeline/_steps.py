"""What a pipeline has to know of its steps to be a model of the input."""

import narwhals.stable.v2 as nw
import numpy as np
import sklearn.decomposition
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from sklatent.utils._members import take_missing
from sklatent.utils._row_methods import RowMethods
from sklatent.utils._tables import _na_as_nan as na_as_nan
from sklatent.utils.frames import _write
from sklatent.utils.frames._output import as_floats, asked_for

# Densities of scikit-learn that are tagged as transformers and sample nothing.
ALSO_DENSITIES = (sklearn.decomposition.PCA, sklearn.decomposition.FactorAnalysis)


def is_left_out(step):
    """Whether a step does nothing."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def check_takes_lazy(steps):
    """Raise if a step, as those of scikit-learn, may read all rows into memory."""
    for name, step in steps:
        takes_lazy = isinstance(type(step), RowMethods) or (
            type(step).__module__.partition(".")[0] == "dask_ml"
        )
        if not is_left_out(step) and not takes_lazy:
            raise TypeError(
                f"Step {name!r}, {type(step).__name__}, needs all rows in memory here; "
                "got a Dask collection. Give it X.compute(), or a sample of the rows."
            )


def is_density(estimator):
    """Whether `score_samples` are log-densities.

    Those of detectors, autoencoders and embeddings are not; nor can these sample.
    """
    if isinstance(estimator, ALSO_DENSITIES):
        return True
    if get_tags(estimator).estimator_type == "density_estimator":
        return True
    return hasattr(estimator, "sample") and hasattr(estimator, "score_samples")


def inverse_lacks(step):
    """What a transformer lacks for an inverse, as a text that is empty if nothing."""
    if not hasattr(step, "inverse_transform"):
        return (
            f"{type(step).__name__} has no inverse_transform. Replace or drop the step;"
            " in place of an imputer, use a model that takes missing entries."
        )
    if (
        isinstance(step, FunctionTransformer)
        and step.func is not None
        and step.inverse_func is None
    ):
        # Its inverse_transform would return the rows as they are.
        return "set inverse_func of FunctionTransformer."
    return ""


def take_all_missing(steps):
    """Whether all steps of a pipeline take missing entries; steps may be anything."""
    try:
        return take_missing([step for _, step in steps if not is_left_out(step)])
    except (AttributeError, TypeError, ValueError):  # `fit` will refuse these steps
        return False


def step_error(name, step, error):
    """The error of a step without a slope, with its name and what to do."""
    return type(error)(
        "`steps` before the last must have known slopes for densities in the units of "
        f"X; step {name!r}, {step!r}, has none: {error} Use sklearn.pipeline.Pipeline "
        "for densities of the transformed rows."
    )


def nan_for_na(X):
    """Rows of numbers with NaN for `pandas.NA`, which many steps do not take."""
    try:
        np.asarray(X, dtype=np.float64)
    except TypeError as error:
        if "NAType" in str(error):
            return na_as_nan(X)
    except ValueError:  # the first step is told what is no number
        pass
    return X


def deviations_as_given(pipeline, std, like):
    """Standard deviations in the frame that the rows have, if any, as floats."""
    schema, library = asked_for(pipeline)
    if schema is None:
        return std
    schema = as_floats(schema, std.dtype)
    return _write.frame_of(schema, std, library, getattr(like, "index", None))


def objects_as_given(pipeline, X):
    """Rows that are no numbers in the frame that is asked for, if any.

    Its types are those of the objects.
    """
    schema, library = asked_for(pipeline)
    if schema is None:
        return X
    columns = zip(schema.columns, X.T.tolist(), strict=True)
    data = {str(column.name): values for column, values in columns}
    return nw.from_dict(data, backend=library).to_native()
