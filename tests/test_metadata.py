"""What is said twice about the project is the same: versions, in every file."""

import re
import tomllib
from pathlib import Path

from sklatent import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = "".join(
    path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")
)


def pins(name):
    """Package and version of each line of a file of constraints."""
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def lower_bounds():
    """Package and lower bound of what running and testing the package needs."""
    extras = PROJECT["optional-dependencies"]
    named = [PROJECT["dependencies"], *(extras[e] for e in ("neural", "plot", "test"))]
    return dict(requirement.split(">=") for group in named for requirement in group)


def test_oldest_versions_are_the_lower_bounds():
    oldest = pins("constraints-oldest.txt")
    of_others = {"pyparsing", "onnx-ir"}  # of matplotlib and onnxscript
    assert {n: v for n, v in oldest.items() if n not in of_others} == lower_bounds()


def test_hooks_have_the_versions_that_make_lint_has():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    revisions = dict(re.findall(r"repo: \S+/(\S+)\n +rev: v(\S+)", hooks))
    pinned = pins("constraints.txt")
    assert revisions["ruff-pre-commit"] == pinned["ruff"]
    assert revisions["codespell"] == pinned["codespell"]
    assert "system" not in hooks  # a hosted service runs them


def test_workflows_test_the_first_and_the_last_python():
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    tested = re.findall(r'python: "(3\.\d+)"', WORKFLOWS)
    assert promised[0] == PROJECT["requires-python"].removeprefix(">=")
    assert {promised[0], promised[-1]} == set(tested)


def test_workflows_may_only_read():
    files = list((ROOT / ".github" / "workflows").glob("*.yml"))
    assert WORKFLOWS.count("\npermissions:\n  contents: read\n") == len(files)
    # Publishing proves who it is without a password, and needs no more.
    assert re.findall(r"(\S+): write", WORKFLOWS) == ["id-token"]


def test_citation_has_the_version():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\n" in citation
