"""A report of a bug says what is installed, and loads nothing for that."""

import subprocess
import sys

import numpy
import pytest

import sklatent
from sklatent.utils._show_versions import PACKAGES, installed_version


def test_what_is_printed(capsys):
    sklatent.show_versions()
    printed = capsys.readouterr().out
    assert printed.startswith(f"sklatent: {sklatent.__version__}\n")
    assert f"  python: {sys.version.split()[0]} " in printed
    assert f"  numpy: {numpy.__version__}\n" in printed
    assert all(f"  {package}: " in printed for package in PACKAGES)
    assert "  blas: " in printed.partition("Threads\n")[2]


def test_a_package_that_is_not_installed_has_no_version():
    assert installed_version("sklatent-is-no-package-of-this-name") is None


@pytest.mark.slow
def test_loads_no_optional_dependency():
    heavy = ["torch", "skorch", "safetensors", "matplotlib", "polars"]
    code = (
        "import sys, sklatent; sklatent.show_versions(); "
        f"assert not [m for m in {heavy} if m in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
