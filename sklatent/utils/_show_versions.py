"""What a report of a bug needs to know of the machine and the environment."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from threadpoolctl import threadpool_info

from sklatent._version import __version__

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "narwhals",
    "torch",
    "skorch",
    "onnx",
    "skops",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
)


def installed_version(package):
    """Return the version of a package, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def show_versions():
    """Print versions of Python, dependencies and libraries for a bug report.

    The versions of packages are read from their metadata; none of them is imported,
    so that PyTorch stays unloaded. The libraries for linear algebra and OpenMP are
    those that this process has loaded, with the number of threads each uses.

    See Also
    --------
    sklearn.show_versions : Versions of scikit-learn and its own dependencies.

    Examples
    --------
    >>> import sklatent
    >>> sklatent.show_versions()
    sklatent: ...
    <BLANKLINE>
    System
      python: 3...
      platform: ...
    <BLANKLINE>
    Packages
      numpy: 2...
      scipy: 1...
      ...
    """
    lines = [f"sklatent: {__version__}", "", "System"]
    lines.append(f"  python: {' '.join(sys.version.split())}")
    lines.append(f"  platform: {platform.platform()}")
    lines += ["", "Packages"]
    lines += [f"  {package}: {installed_version(package)}" for package in PACKAGES]
    lines += ["", "Threads"]
    for pool in threadpool_info():
        library = " ".join(filter(None, [pool["prefix"], pool["version"]]))
        lines.append(f"  {pool['user_api']}: {pool['num_threads']} ({library})")
    print("\n".join(lines))
