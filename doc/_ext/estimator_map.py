"""Draws the map "which estimator to use": a decision tree whose boxes are links.

``.. estimator-map::`` puts it into a page as an inline SVG, whose colors are those of
the theme; on a phone, where it would not fit, as a list of the same links. A link to a
page that does not exist is a warning of Sphinx.
"""

from html import escape

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

SKLEARN = "https://scikit-learn.org/stable/modules/generated/sklearn."

# Task, its page, and for each case the estimator to use.
# An estimator is a name under `sklatent` or, after "sklearn.", one of scikit-learn's.
TREE = [
    (
        ["Intrinsic dimension:", "how many components?"],
        "user_guide/dimension",
        [
            ("a first number, with an error bar", "dimension.TwoNN"),
            ("noise: the dimension by scale", "dimension.Gride"),
            ("around each row; the parts differ", "dimension.LevinaBickel"),
            ("small noise: averaged", "dimension.NeighborScaling"),
            ("ten dimensions and more, few rows", "dimension.DANCo"),
            ("rounded data; many dimensions", "dimension.ESS"),
            ("linear data: number of components", "dimension.PCASpectrum"),
        ],
    ),
    (
        ["Dimensionality", "reduction, embedding,", "imputation"],
        "user_guide/decomposition",
        [
            ("linear, no missing values", "decomposition.PCA"),
            ("linear, missing values", "decomposition.PPCA"),
            ("linear, features differ in noise", "decomposition.FactorAnalysis"),
            ("nonlinear: embed and reconstruct", "neural.AETransformer"),
            ("nonlinear: a density, mixed columns", "neural.VAETransformer"),
            ("missing values, as a transformer", "impute.LatentImputer"),
        ],
    ),
    (
        ["Manifold learning:", "nonlinear embedding"],
        "user_guide/manifold",
        [
            ("only distances are known", "manifold.ClassicalMDS"),
            ("distances or their order, closely", "manifold.MDS"),
            ("a bent sheet: distances along it", "manifold.Isomap"),
            ("denoising; a kernel", "manifold.KernelPCA"),
            ("closed curves, branches, dynamics", "manifold.DiffusionMap"),
            ("a picture of groups and neighbors", "manifold.TSNE"),
            ("the same, groups more compact", "manifold.UMAP"),
            ("groups, noise in many features", "manifold.SketchMap"),
            ("the same by a network", "neural.ParametricEmbedding"),
        ],
    ),
    (
        ["Density estimation,", "outlier detection,", "synthetic data"],
        "user_guide/density",
        [
            ("outliers: which, how surely, and why", "outlier.OutlierDetector"),
            ("the best density, whatever its shape", "density.StackedDensity"),
            ("skewed or bounded columns", "density.TransformedDensity"),
            ("clusters; missing values; prediction", "density.GaussianMixture"),
            ("any shape, up to ten features or so", "density.KernelDensity"),
            ("on a manifold; with error bars", "density.KNeighborsDensity"),
            ("one or two features, many rows", "density.HistogramDensity"),
            ("many features, linear", "decomposition.FactorAnalysis"),
            ("many features, nonlinear; images", "neural.VAETransformer"),
        ],
    ),
    (
        ["None of these?", "Use scikit-learn's"],
        "which_estimator",
        [
            ("sparse rows, large", "sklearn.decomposition.TruncatedSVD"),
            ("parts that add up, all positive", "sklearn.decomposition.NMF"),
            ("a quick ranking of outliers", "sklearn.ensemble.IsolationForest"),
        ],
    ),
]

# Sizes in units of the picture.
WIDTH, ROW, GAP, MARGIN = 700, 34, 22, 6
QUESTION, CASE, ANSWER = (MARGIN, 196), (232, 262), (510, 184)

STYLE = """
.estimator-map { overflow-x: auto; margin: 1rem 0; }
.estimator-map svg { width: 100%; height: auto; display: block; }
.estimator-map text { font-size: 14px; fill: var(--pst-color-text-base, currentColor); }
.estimator-map .question rect { fill: var(--pst-color-surface, none);
  stroke: var(--pst-color-primary, currentColor); stroke-width: 2; }
.estimator-map .question text { font-weight: 600; }
.estimator-map .answer rect { fill: var(--pst-color-surface, none);
  stroke: var(--pst-color-text-muted, currentColor); }
.estimator-map .answer text { fill: var(--pst-color-link, currentColor);
  font-family: var(--pst-font-family-monospace, monospace); font-size: 13px; }
.estimator-map path { fill: none; stroke: var(--pst-color-text-muted, currentColor); }
.estimator-map a:hover rect, .estimator-map a:focus rect { stroke-width: 3; }
.estimator-map a:hover text, .estimator-map a:focus text {
  text-decoration: underline; }
.estimator-list { display: none; }
@media (max-width: 640px) {
  .estimator-map { display: none; }
  ul.estimator-list { display: block; padding-left: 0; }
  .estimator-list > li { margin: 1rem 0 0; list-style: none; font-weight: 600; }
  .estimator-list ul { padding-left: 1rem; font-weight: normal; }
  .estimator-list ul li { margin: 0.4rem 0; }
}
"""


def text(x, y, words, anchor="start"):
    """Return a line of text whose middle is at height y."""
    return (
        f'<text x="{x}" y="{y}" dy="0.35em" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def box(column, y, height):
    """Return a rounded rectangle in a column, around the height y."""
    x, width = column
    return (
        f'<rect x="{x}" y="{y - height / 2}" width="{width}" height="{height}" rx="6"/>'
    )


def target(name):
    """Return the address of an estimator's page, and the name to show."""
    if name.startswith("sklearn."):
        return f"{SKLEARN}{name.removeprefix('sklearn.')}.html", name.split(".")[-1]
    return f"generated/sklatent.{name}.html", name.split(".")[-1]


def question(words, page, y):
    """Return the box of a question."""
    lines = [
        text(QUESTION[0] + 12, y + 20 * (i - (len(words) - 1) / 2), line)
        for i, line in enumerate(words)
    ]
    label = escape(" ".join(words))
    inside = box(QUESTION, y, 20 * len(words) + 18) + "".join(lines)
    return f'<a class="question" href="{page}.html" aria-label="{label}">{inside}</a>'


def answer(case, name, y, y_question):
    """Return a case, the box of its estimator, and the line that leads there."""
    url, shown = target(name)
    start, end, middle = sum(QUESTION), CASE[0] - 6, sum(QUESTION) + 12
    path = (
        f'<path d="M{start} {y_question} H{middle} V{y} H{end} '
        f'M{ANSWER[0] - 14} {y} H{ANSWER[0]}"/>'
    )
    label = escape(f"{case}: {shown}")
    inside = box(ANSWER, y, ROW - 8) + text(
        ANSWER[0] + ANSWER[1] / 2, y, shown, "middle"
    )
    link = f'<a class="answer" href="{url}" aria-label="{label}">{inside}</a>'
    return path + text(CASE[0], y, case) + link


def listed():
    """Return the map as a list of links, in HTML."""
    parts = []
    for words, page, answers in TREE:
        cases = []
        for case, name in answers:
            url, shown = target(name)
            link = f'<a href="{url}"><code>{escape(shown)}</code></a>'
            cases.append(f"<li>{escape(case)}: {link}</li>")
        task = f'<a href="{page}.html">{escape(" ".join(words))}</a>'
        parts.append(f"<li>{task}<ul>{''.join(cases)}</ul></li>")
    return f'<ul class="estimator-list">{"".join(parts)}</ul>'


def draw():
    """Return the map as HTML."""
    parts, top = [], MARGIN
    for words, page, answers in TREE:
        height = ROW * len(answers)
        middle = top + height / 2
        for i, (case, name) in enumerate(answers):
            parts.append(answer(case, name, top + ROW * (i + 0.5), middle))
        parts.append(question(words, page, middle))
        top += height + GAP
    title = "Which estimator to use: tasks, cases, and the estimator for each"
    return (
        f'<div class="estimator-map"><style>{STYLE}</style>'
        f'<svg viewBox="0 0 {WIDTH} {top - GAP + MARGIN}" role="group" '
        f'aria-label="{title}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{title}</title>{''.join(parts)}</svg></div>{listed()}"
    )


class EstimatorMap(SphinxDirective):
    """The map, in a page at the top of the documentation."""

    def run(self):
        """Return the picture."""
        self.env.note_dependency(__file__)
        return [nodes.raw("", draw(), format="html")]


def check_links(app, env):
    """Warn of links to pages that there are not."""
    for _, page, answers in TREE:
        pages = [page]
        for _, name in answers:
            if not name.startswith("sklearn."):
                pages.append(target(name)[0].removesuffix(".html"))
        for name in pages:
            if name not in env.found_docs:
                logger.warning("The estimator map leads to %r, which is no page.", name)


def setup(app):
    """Register the directive."""
    app.add_directive("estimator-map", EstimatorMap)
    app.connect("env-check-consistency", check_links)
    return {"parallel_read_safe": True}
