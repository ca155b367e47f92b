"""What every iterative class says of the lines that it prints, in the same words."""

import pytest
from numpydoc.docscrape import ClassDoc

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    KNeighborsDensity,
    StackedDensity,
)
from sklatent.dimension import (
    ESS,
    DANCo,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
)
from sklatent.manifold import (
    MDS,
    TSNE,
    UMAP,
    ClassicalMDS,
    DiffusionMap,
    Isomap,
    KernelPCA,
    SketchMap,
)
from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
from sklatent.outlier import OutlierDetector
from tests.instances import INSTANCES

WITH_LOSS = {
    AETransformer,
    DANCo,
    FactorAnalysis,
    GaussianMixture,
    MDS,
    PPCA,
    ParametricEmbedding,
    SketchMap,
    TSNE,
    UMAP,
    VAETransformer,
}
ITERATIVE = {
    *WITH_LOSS,
    ClassicalMDS,
    DiffusionMap,
    ESS,
    Gride,
    Isomap,
    KNeighborsDensity,
    KernelDensity,
    KernelPCA,
    LevinaBickel,
    NeighborScaling,
    OutlierDetector,
    PCASpectrum,
    StackedDensity,
    TwoNN,
}


@pytest.mark.parametrize("cls", INSTANCES, ids=lambda cls: cls.__name__)
def test_every_iterative_class_has_verbose_in_the_same_words(cls):
    assert hasattr(cls, "set_callbacks") == (cls in ITERATIVE)
    assert ("verbose" in cls().get_params()) == (cls in ITERATIVE)
    if cls in ITERATIVE:
        entries = {p.name: p for p in ClassDoc(cls)["Parameters"]}
        (text,) = [" ".join(e.desc) for n, e in entries.items() if n == "verbose"]
        step = "epoch" if "max_epochs" in entries else "iteration"
        has_loss = cls in WITH_LOSS
        parts = (", its loss and", "two lines") if has_loss else (" and", "one")
        assert text.startswith(
            f"With 1 or more, `fit` prints a line every few seconds, with the {step}"
            f"{parts[0]} the time left, and {parts[1]} at the end, as "
            ":class:`~sklatent.callback.ProgressLog` does"
        )
        assert ". With 0 " in text
