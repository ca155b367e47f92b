"""Files of fitted pipelines, and of all estimators."""

from sklatent.utils.persistence import _estimators


def save(estimator, path):
    """Write a fitted estimator or pipeline to a file, without pickle.

    Estimators of sklatent have the method `save`; this function takes pipelines and
    other estimators of scikit-learn too. Opening the file runs no code, whoever it
    comes from. It holds the arrays in the layout of safetensors, and all else as JSON
    beside them.

    Of scikit-learn those estimators can be saved that NumPy and SciPy compute: scalers,
    encoders, imputers, linear models, Gaussian mixtures, naive Bayes, `Pipeline`,
    `FeatureUnion` and `ColumnTransformer`. Forests, support vectors, neighbors and
    clusters cannot be, since their compiled code trusts the attributes, and could crash
    on those of a hostile file. Parameters and attributes have to be plain data:
    numbers, strings, arrays, sparse matrices, lists, dicts, and estimators like these.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator or pipeline.
    path : path-like
        The file, replaced if it is there.

    Raises
    ------
    ValueError
        If a parameter or attribute is not plain data, such as a callable or a generator
        of random numbers, if an estimator is none of those above, or if `memory` or
        `callbacks` is set, as no file decides what runs or writes later.
    OSError
        If the file cannot be written. A file that was there is then unchanged.

    See Also
    --------
    load : Read what was written.
    to_onnx : Write what other runtimes can compute.
    sklatent.base.SklatentEstimator.save : The method.

    Examples
    --------
    >>> import pathlib
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklatent import deploy
    >>> from sklatent.decomposition import PPCA
    >>> X, _ = load_iris(return_X_y=True)
    >>> pipe = make_pipeline(StandardScaler(), PPCA(n_components=2)).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "pipe.safetensors"
    ...     deploy.save(pipe, path)
    ...     same = deploy.load(path)
    >>> bool((same.transform(X) == pipe.transform(X)).all())
    True
    """
    _estimators.save(estimator, path)


def load(path):
    """Read an estimator or a pipeline that `save` has written.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    estimator : estimator
        The estimator. Its results are the same, to the bit, as those of the one that
        was saved.

    Raises
    ------
    ValueError
        If the file is damaged, has another format, or holds something that `save` does
        not write, such as an object of another package. This is found before more
        memory is taken than the file is long.
    OSError
        If the file cannot be read.

    Warns
    -----
    InconsistentVersionWarning
        If another version of sklatent, or of scikit-learn if one of its estimators is
        inside, has written the file.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    >>> import pathlib
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklatent import deploy
    >>> from sklatent.density import KernelDensity
    >>> X, _ = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "kernels.safetensors"
    ...     deploy.save(KernelDensity("scott").fit(X), path)
    ...     deploy.load(path)
    KernelDensity(bandwidth='scott')
    """
    return _estimators.load(path)
