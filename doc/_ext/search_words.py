"""Checks at the end of a build that its search finds the pages of the user guide.

Newcomers search for the words of the field. Each query below has to find its page in
the index that the built pages search, ``searchindex.js``, as their script would: every
word, stemmed and without stop words, occurs in the title or in the text of the page.
"""

import json
from pathlib import Path

# What is searched for, and the page that has to be found.
QUERIES = {
    "intrinsic dimension": "user_guide/dimension",
    "elbow": "user_guide/dimension",
    "number of components": "user_guide/dimension",
    "dimensionality reduction": "user_guide/decomposition",
    "PCA": "user_guide/decomposition",
    "imputation": "user_guide/decomposition",
    "multiple imputation": "user_guide/decomposition",
    "missing values": "user_guide/decomposition",
    "manifold learning": "user_guide/manifold",
    "multidimensional scaling": "user_guide/manifold",
    "geodesics": "user_guide/manifold",
    "kernel PCA": "user_guide/manifold",
    "trustworthiness": "user_guide/manifold/metrics",
    "density estimation": "user_guide/density",
    "outlier detection": "user_guide/density",
    "novelty detection": "user_guide/density",
    "anomaly": "user_guide/density",
    "contamination": "user_guide/density",
    "threshold": "user_guide/density",
    "clusters": "user_guide/density",
    "autoencoder": "user_guide/neural",
    "generative": "user_guide/neural",
    "synthetic data": "user_guide/neural",
    "tabular": "user_guide/neural",
    "embedding": "user_guide/neural",
    "denoising": "user_guide/neural",
    "visualization": "user_guide/inspection",
    "ONNX": "user_guide/deployment",
    "deployment": "user_guide/deployment",
    "save": "user_guide/deployment",
    "load": "user_guide/deployment",
    "pickle": "user_guide/deployment",
    "joblib": "user_guide/deployment",
    "skops": "user_guide/deployment",
    "export": "user_guide/deployment",
}


def pages_found(index, words):
    """Return the names of the pages whose title or text has all of the words.

    Parameters
    ----------
    index : dict
        The content of ``searchindex.js``.
    words : list of str
        Stemmed words.
    """
    pages = set(range(len(index["docnames"])))
    for word in words:
        of_word = set()
        for terms in (index["terms"], index["titleterms"]):
            places = terms.get(word, [])
            of_word |= {places} if isinstance(places, int) else set(places)
        pages &= of_word
    return {index["docnames"][page] for page in pages}


def stemmed(query, language):
    """Return the words of a query as the index has them."""
    words = [word for word in query.lower().split() if word not in language.stopwords]
    return [language.stem(word) for word in words]


def check_search(app, exception):
    """Raise an error that names the queries that do not find their page."""
    if exception is not None or app.builder.name != "html":
        return
    from sphinx.errors import ExtensionError
    from sphinx.search.en import SearchEnglish

    text = (Path(app.outdir) / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").rstrip().rstrip(";)"))
    language = SearchEnglish({})
    lost = [
        f"{query!r} does not find {page}"
        for query, page in QUERIES.items()
        if page not in pages_found(index, stemmed(query, language))
    ]
    if lost:
        raise ExtensionError(f"The search of the documentation: {'; '.join(lost)}.")


def setup(app):
    """Connect to Sphinx."""
    app.connect("build-finished", check_search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
