import os
from importlib.metadata import version

import pytest
from packaging.version import Version

# scikit-learn checks array API input only where SciPy was told of it at import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_collection_modifyitems(items):
    """Mark what `make quick` leaves out, and skip what packages are too old for."""
    mark_slow(items)
    if Version(version("scikit-learn")) < Version("1.9"):
        skip_what_is_about_1_9(items)
    if Version(version("pandas")) < Version("3"):
        skip_what_shows_pandas_3(items)


def mark_slow(items):
    """Mark as slow the common tests of all but one instance of each class.

    `make quick` keeps what a person constructs, of networks a small one, and of the
    guide what needs no training.
    """
    from tests.instances import INSTANCES, cheap

    quick = {repr(cheap(cls)) for cls in INSTANCES}
    for item in items:
        estimator = getattr(item, "callspec", None) and item.callspec.params.get(
            "estimator"
        )
        common = item.path.name == "test_common.py"
        if (common and estimator is not None and repr(estimator) not in quick) or (
            item.path.name in ("neural.rst", "README.md")
        ):
            item.add_marker(pytest.mark.slow)


def skip_what_is_about_1_9(items):
    """Skip tests that say so, examples of callbacks, and the page of differences."""
    skip = pytest.mark.skip(reason="is about scikit-learn 1.9 or newer")
    for item in items:
        of_callbacks = isinstance(item, pytest.DoctestItem) and (
            item.dtest.name.startswith("sklatent.callback")
        )
        of_differences = item.path.name == "from_scikit_learn.rst"
        marked = item.get_closest_marker("scikit_learn_1_9")
        if of_callbacks or of_differences or marked:
            item.add_marker(skip)


def skip_what_shows_pandas_3(items):
    """Skip the page that prints the type of columns of strings."""
    skip = pytest.mark.skip(reason="shows strings as pandas 3 names their type")
    for item in items:
        if item.path.name == "synthetic.rst":
            item.add_marker(skip)
