import matplotlib
import pytest

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    """No figure of a test is left to the next."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")
