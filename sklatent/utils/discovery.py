"""Find every public estimator, for tests and documentation."""

import importlib
import inspect
import pkgutil

from sklearn.base import BaseEstimator

import sklatent

__all__ = ["all_estimators"]


def all_estimators():
    """List the public estimators of all subpackages.

    Returns
    -------
    estimators : list of (str, type)
        Name and class of each estimator, sorted by name. Those of `sklatent.neural`
        are among them if PyTorch and skorch are installed.

    See Also
    --------
    sklearn.utils.discovery.all_estimators : Those of scikit-learn.

    Examples
    --------
    >>> from sklatent.utils.discovery import all_estimators
    >>> dict(all_estimators())["TwoNN"]
    <class 'sklatent.dimension._two_nn.TwoNN'>
    """
    packages = [
        importlib.import_module(f"sklatent.{module.name}")
        for module in pkgutil.iter_modules(sklatent.__path__)
        if module.ispkg
    ]
    members = {
        name: getattr(package, name)
        for package in packages
        for name in getattr(package, "__all__", [])
    }
    return sorted(
        (name, member)
        for name, member in members.items()
        if inspect.isclass(member) and issubclass(member, BaseEstimator)
    )
