"""Writes the pages of the API reference, one for each subpackage, from public names.

What a subpackage offers is its ``__all__``, and nothing is listed a second time here.
"""

import importlib
import inspect
from pathlib import Path

import sklatent

PAGE = """.. _{name}_api:

sklatent.{name}
{line}

{summary}

.. currentmodule:: sklatent

.. autosummary::
   :toctree: ../generated/
   :nosignatures:

{names}
"""

INDEX = """.. _api:

API reference
=============

.. toctree::
   :maxdepth: 2

{pages}
"""


def subpackages():
    """Names of the public subpackages."""
    for name in sklatent.__all__:
        if inspect.ismodule(getattr(sklatent, name)):
            yield name


def public_names(subpackage):
    """Names under `sklatent` of what a subpackage offers, modules by their contents."""
    module = importlib.import_module(f"sklatent.{subpackage}")
    for name in module.__all__:
        if inspect.ismodule(getattr(module, name)):
            yield from public_names(f"{subpackage}.{name}")
        else:
            yield f"{subpackage}.{name}"


def write_pages(app, config):
    """Write the pages into the folder ``api``."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    for name in subpackages():
        summary = inspect.getdoc(importlib.import_module(f"sklatent.{name}"))
        page = PAGE.format(
            name=name,
            line="=" * len(f"sklatent.{name}"),
            summary=summary.splitlines()[0],
            names="\n".join(f"   {public}" for public in public_names(name)),
        )
        (folder / f"{name}.rst").write_text(page)
    # Entries of the sidebar without "sklatent.", which would not fit.
    pages = "\n".join(f"   {name} <{name}>" for name in subpackages())
    (folder / "index.rst").write_text(INDEX.format(pages=pages))


def setup(app):
    """Connect to Sphinx."""
    app.connect("config-inited", write_pages)  # before Sphinx looks for pages
    return {"parallel_read_safe": True}
