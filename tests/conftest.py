import os

import pytest

# scikit-learn checks array API input only where SciPy was told of it at import.
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_collection_modifyitems(items):
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
