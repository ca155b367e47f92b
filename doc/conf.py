"""Configuration of Sphinx. Builds offline; warnings are errors."""

import sys
import urllib.request
import warnings
from pathlib import Path

import joblib

import sklatent

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

# 2026-11: joblib replaces a process whose examples have left much memory behind.
warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")

project = "sklatent"
author = "The sklatent developers"
copyright = "2026, The sklatent developers"
release = sklatent.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "api_reference",
    "benchmark_results",
    "class_pages",
    "estimator_map",
    "example_claims",
    "inherited_examples",
    "search_words",
    "thumbnails",
    "word_breaks",
]
exclude_patterns = ["_build", "_templates", "**/README.rst"]
templates_path = ["_templates"]
default_role = "code"


def reachable(inventories):
    """Inventories that can be had now: without a network, pages just link to less."""
    for name, url in inventories.items():
        try:
            urllib.request.urlopen(f"{url}objects.inv", timeout=3).close()
        except OSError:
            continue
        yield name, (url, None)


intersphinx_mapping = dict(
    reachable(
        {
            "matplotlib": "https://matplotlib.org/stable/",
            "numpy": "https://numpy.org/doc/stable/",
            "python": "https://docs.python.org/3/",
            "scipy": "https://docs.scipy.org/doc/scipy/",
            "sklearn": "https://scikit-learn.org/stable/",
            "skorch": "https://skorch.readthedocs.io/en/stable/",
        }
    )
)

autosummary_generate = True
# Inherited from scikit-learn, whose documentation says more about them.
inherited = [
    "set_output",
    "get_metadata_routing",
    "set_fit_request",
    "set_partial_fit_request",
    "set_score_request",
]
autodoc_default_options = {
    "members": True,
    "inherited-members": "Module",
    "exclude-members": ", ".join(inherited),
}
# Types stand in the docstrings, which say more.
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# Long lists of methods read better by their own names.
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = f"sklatent {release}"
html_favicon = "_static/favicon.svg"
html_search_scorer = str(Path(__file__).parent / "_ext" / "search_scorer.js")
html_theme_options = {
    "logo": {
        "text": "sklatent",
        "alt_text": "sklatent: home",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo-dark.svg",
    },
    "header_links_before_dropdown": 4,
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
# Pages without others below them have nothing to navigate to.
alone = [
    "which_estimator",
    "meaning",
    "from_scikit_learn",
    "reproducibility",
    "speed",
    "glossary",
]
html_sidebars = {page: [] for page in ["index", *alone]}
mathjax3_config = {"chtml": {"scale": 0.95}}
html_static_path = ["_static"]
html_css_files = ["sklatent.css"]
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"../examples/{section}"
        for section in (
            "dimension",
            "decomposition",
            "manifold",
            "density",
            "outlier",
            "neural",
            "impute",
            "pipeline",
            "inspection",
            "applications",
            "scale",
            "deployment",
            "extending",
        )
    ],
    "filename_pattern": "/plot_",
    "parallel": joblib.cpu_count(),
    "reset_modules": (
        "matplotlib",
        "seaborn",
        "short_warnings.reset",
        "processes.reset",
    ),
    "show_memory": False,
    "download_all_examples": False,
    "backreferences_dir": "generated/backreferences",
    "doc_module": "sklatent",
    "capture_repr": (),
    "show_api_usage": False,
    "write_computation_times": False,
}
