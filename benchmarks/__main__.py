"""Run a family of benchmarks and print its tables.

``python -m benchmarks neural`` prints; ``--save`` also puts the table, as printed,
into RESULTS.md in place of the family's last one.
"""

import argparse
import importlib
import itertools
import pathlib
import re

from benchmarks._harness import environment
from benchmarks.dimensions import PARTS as DIMENSIONS
from benchmarks.manifold_maps import PARTS as MAPS
from benchmarks.quality import PARTS

FAMILIES = [
    "billion_rows",
    "decomposition",
    "density",
    "density_calls",
    "dimension",
    *(f"dimensions.{part}" for part in DIMENSIONS),
    "imports",
    "manifold",
    *(f"manifold_maps.{part}" for part in MAPS),
    "memory_map",
    "neural",
    "neural_images",
    "neural_peers",
    "neural_quality",
    "neural_retrieval",
    *(f"quality.{part}" for part in PARTS),
    "rows",
]
RATIO = "ratio = peer ÷ ours, larger is better"
RESULTS = pathlib.Path(__file__).parent / "RESULTS.md"


def save(name, text):
    """Replace the section of a family in RESULTS.md."""
    section = f"## {name}\n\n```text\n{text}\n```\n"
    results = RESULTS.read_text()
    pattern = rf"## {re.escape(name)}\n\n```text\n.*?\n```\n"
    if re.search(pattern, results, flags=re.DOTALL):
        results = re.sub(pattern, lambda _: section, results, flags=re.DOTALL)
    else:
        results = f"{results.rstrip()}\n\n{section}"
    RESULTS.write_text(results)


def run(name, to_results):
    """Print the tables of a family as they come, and save them."""
    family = importlib.import_module(f"benchmarks.{name}")
    tables = []
    head = [environment()] if name.startswith("quality.") else [environment(), RATIO]
    for table in itertools.chain(head, family.run()):
        print(table, end="\n\n", flush=True)
        tables.append(table)
    if to_results:
        save(name, "\n\n".join(tables))


def main():
    """Parse the command line, run, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name", choices=[*FAMILIES, "dimensions", "manifold_maps", "quality"]
    )
    parser.add_argument("--save", action="store_true", help="write RESULTS.md")
    arguments = parser.parse_args()
    for name in FAMILIES:
        if name == arguments.name or name.startswith(f"{arguments.name}."):
            run(name, arguments.save)


if __name__ == "__main__":
    main()
