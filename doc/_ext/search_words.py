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
    "bottleneck": "glossary",
    "glossary": "glossary",
    "reproducibility": "reproducibility",
    "speed": "speed",
    "dimensionality reduction": "user_guide/decomposition",
    "PCA": "user_guide/decomposition",
    "density estimation": "user_guide/density",
    "KDE": "user_guide/density",
    "clusters": "user_guide/density",
    "ONNX": "user_guide/deployment",
    "Dask": "user_guide/scale",
    "deployment": "user_guide/deployment",
    "skops": "user_guide/deployment",
    "pickle": "user_guide/deployment",
    "save": "user_guide/deployment",
    "intrinsic dimension": "user_guide/dimension",
    "elbow": "user_guide/dimension",
    "number of components": "user_guide/dimension",
    "imputation": "user_guide/impute",
    "multiple imputation": "user_guide/impute",
    "missing values": "user_guide/impute",
    "imputer": "user_guide/impute",
    "missing data": "user_guide/impute",
    "NaN": "user_guide/impute",
    "visualization": "user_guide/inspection",
    "manifold learning": "user_guide/manifold",
    "embedding": "user_guide/manifold",
    "multidimensional scaling": "user_guide/manifold/classical_mds",
    "SMACOF": "user_guide/manifold/mds",
    "nonmetric": "user_guide/manifold/mds",
    "geodesics": "user_guide/manifold/isomap",
    "sketch-map": "user_guide/manifold/sketch_map",
    "kernel PCA": "user_guide/manifold/kernel_pca",
    "UMAP": "user_guide/manifold/umap",
    "trustworthiness": "user_guide/manifold/metrics",
    "t-SNE": "user_guide/manifold/tsne",
    "perplexity": "user_guide/manifold/tsne",
    "t-SNE vs UMAP": "user_guide/manifold/which_map",
    "compare embeddings": "user_guide/manifold/which_map",
    "autoencoder": "user_guide/neural",
    "generative": "user_guide/neural",
    "parametric embedding": "user_guide/neural",
    "progress": "user_guide/neural",
    "denoising": "user_guide/neural",
    "load": "user_guide/deployment",
    "joblib": "user_guide/deployment",
    "export": "user_guide/deployment",
    "early stopping": "user_guide/neural",
    "GPU": "user_guide/neural",
    "outlier detection": "user_guide/outlier",
    "novelty detection": "user_guide/outlier",
    "anomaly": "user_guide/outlier",
    "contamination": "user_guide/outlier",
    "threshold": "user_guide/outlier",
    "false alarm": "user_guide/outlier",
    "false discovery rate": "user_guide/outlier",
    "p-value": "user_guide/outlier",
    "outlier": "user_guide/outlier",
    "anomaly detection": "user_guide/outlier",
    "outliers": "user_guide/outlier",
    "pipeline": "user_guide/pipeline",
    "synthetic data": "user_guide/synthetic",
    "tabular": "user_guide/synthetic",
    "CSV": "user_guide/synthetic",
    "DataFrame": "user_guide/synthetic",
    "time series": "user_guide/time_series",
    "which estimator": "which_estimator",
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
