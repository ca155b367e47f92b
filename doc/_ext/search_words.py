"""Checks at the end of a build that its search finds the right page first.

Newcomers search for the words of the field. Each query below has to find its page
before any other, in the index that the built pages search, ``searchindex.js``, by the
rules of their script; see ``search_ranking.py``.

Only a build of all pages is checked (``sphinx-build -E``, as `make doc` does). A query
that fails is mended on its page: by a title that says the word, or by an entry of the
index above the section that explains it::

    .. index:: ! threshold, ! contamination
"""

import json
from pathlib import Path

from search_ranking import Search

# What is searched for, and the page that has to be found first.
QUERIES = {
    "intrinsic dimension": "user_guide/dimension",
    "elbow": "user_guide/dimension",
    "number of components": "user_guide/dimension",
    "dimensionality reduction": "user_guide/decomposition",
    "PCA": "user_guide/decomposition",
    "imputation": "user_guide/decomposition",
    "multiple imputation": "user_guide/decomposition",
    "missing values": "user_guide/decomposition",
    "missing data": "user_guide/decomposition",
    "NaN": "user_guide/decomposition",
    "manifold learning": "user_guide/manifold",
    "multidimensional scaling": "user_guide/manifold/classical_mds",
    "geodesics": "user_guide/manifold/isomap",
    "kernel PCA": "user_guide/manifold/kernel_pca",
    "trustworthiness": "user_guide/manifold/metrics",
    "density estimation": "user_guide/density",
    "KDE": "user_guide/density",
    "outlier": "user_guide/density",
    "outlier detection": "user_guide/density",
    "novelty detection": "user_guide/density",
    "anomaly": "user_guide/density",
    "anomaly detection": "user_guide/density",
    "outliers": "user_guide/density",
    "contamination": "user_guide/density",
    "threshold": "user_guide/density",
    "clusters": "user_guide/density",
    "autoencoder": "user_guide/neural",
    "generative": "user_guide/neural",
    "synthetic data": "user_guide/neural",
    "tabular": "user_guide/neural",
    "embedding": "user_guide/manifold",
    "denoising": "user_guide/neural",
    "visualization": "user_guide/inspection",
    "progress": "user_guide/neural",
    "early stopping": "user_guide/neural",
    "GPU": "user_guide/neural",
    "bottleneck": "glossary",
    "time series": "user_guide/time_series",
    "glossary": "glossary",
    "which estimator": "which_estimator",
    "speed": "speed",
    "reproducibility": "reproducibility",
    # Names of the package lead to the page of the class.
    "TwoNN": "generated/sklatent.dimension.TwoNN",
    "KernelDensity": "generated/sklatent.density.KernelDensity",
    "VAETransformer": "generated/sklatent.neural.VAETransformer",
}


def misses(search, queries=QUERIES):
    """Say of each query that does not find its page first what it finds instead.

    Parameters
    ----------
    search : Search
        The search of the built pages.
    queries : dict
        The page of each query.
    """
    for query, page in queries.items():
        results = search.find(query)
        if not results or results[0].page != page:
            first = results[0].page if results else "nothing"
            yield f"{query!r} finds {first} before {page}"


def note_whole(app, env, docnames):
    """Note whether all pages are read in this build.

    Sphinx forgets the index entries of those that are not, as if they had none.
    """
    env.search_is_whole = set(docnames) >= set(env.found_docs)


def check_search(app, exception):
    """Raise an error that names the queries that do not find their page first."""
    if exception is not None or app.builder.name != "html":
        return
    if not app.env.search_is_whole:
        return
    from sphinx.errors import ExtensionError
    from sphinx.search.en import SearchEnglish

    text = (Path(app.outdir) / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").rstrip().rstrip(";)"))
    lost = list(misses(Search(index, SearchEnglish({}))))
    if lost:
        raise ExtensionError(
            f"The search of the documentation: {'; '.join(lost)}. "
            "An index entry above the section of the page mends it (search_words.py)."
        )


def setup(app):
    """Connect to Sphinx."""
    app.connect("env-before-read-docs", note_whole)
    app.connect("build-finished", check_search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
