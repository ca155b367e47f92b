import pytest
from sklearn.datasets import load_iris


@pytest.fixture(scope="module")
def X():
    """Rows of four features; files that need others have a fixture of this name."""
    return load_iris().data
