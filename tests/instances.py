"""Instances of every public estimator, for the checks that all must pass.

First of each class stands what a person constructs, with the defaults; then others that
are cheap.
"""

from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import (
    GaussianMixture,
    HistogramDensity,
    KernelDensity,
    KNeighborsDensity,
    NormalScoreTransformer,
    StackedDensity,
    TransformedDensity,
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
from sklatent.impute import LatentImputer
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
from sklatent.pipeline import make_pipeline

TINY = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}


class Perceptron(nn.Sequential):
    """A network of the user's, for rows of any width."""

    def __init__(self, n_in, n_out):
        super().__init__(nn.Linear(n_in, 5), nn.Dropout(0.1), nn.Linear(5, n_out))


INSTANCES = {
    AETransformer: [
        AETransformer(),
        AETransformer(**TINY),
        AETransformer(hidden_layer_sizes=(), max_epochs=1, activation="tanh"),
        AETransformer(**TINY, early_stopping=True, standardize=False),
        AETransformer(**TINY, batch_size=7, optimizer="sgd", dtype="float64"),
        AETransformer(**TINY, skip_connections=True),
        AETransformer(**TINY, tied_weights=True, alpha=0.1, l1_ratio=0.5),
        AETransformer(**TINY, encoder=Perceptron, decoder=nn.Linear, corruption=0.2),
        AETransformer(**TINY, lr_schedule="one_cycle"),
        AETransformer(**TINY, dtype="mixed"),
    ],
    ClassicalMDS: [
        ClassicalMDS(),
        ClassicalMDS(n_components=1, metric="manhattan", n_jobs=1),
        ClassicalMDS(metric="chebyshev", n_landmarks=12),
    ],
    DANCo: [DANCo(), DANCo(3, n_jobs=1)],
    DiffusionMap: [
        DiffusionMap(),
        DiffusionMap(1, bandwidth="fixed", alpha=0.5, epsilon=9.0, n_jobs=1),
        DiffusionMap(drop_harmonics=True, dimension=1.5, diffusion_time=0.1),
    ],
    ESS: [ESS(), ESS(3, n_jobs=1)],
    FactorAnalysis: [
        FactorAnalysis(),
        FactorAnalysis(n_components=1, tol=1e-3),
        FactorAnalysis(n_components=1, tol=1e-3, rotation="varimax"),
    ],
    GaussianMixture: [
        GaussianMixture(),
        GaussianMixture(2, random_state=0),
        GaussianMixture(2, covariance_type="diag", random_state=0),
        GaussianMixture([1, 2], reg_covar=1.0, random_state=0),
        GaussianMixture(2, covariance_type="tied", random_state=0),
    ],
    Gride: [
        Gride(),
        Gride(n1=3, max_neighbors=2, correction="ball"),
        Gride(max_neighbors=2, correction="shapes"),
    ],
    HistogramDensity: [
        HistogramDensity(),
        HistogramDensity(3),
        HistogramDensity("auto"),
    ],
    Isomap: [
        Isomap(),
        Isomap(n_neighbors=4, n_components=1, n_landmarks=8, n_jobs=1),
        Isomap(n_neighbors=None, radius=3.0, metric="manhattan"),
    ],
    KNeighborsDensity: [
        KNeighborsDensity(),
        KNeighborsDensity("auto", unbiased="density", dimension=TwoNN()),
        KNeighborsDensity(
            "kstar", max_neighbors=8, unbiased=None, dimension=1.5, n_jobs=1
        ),
    ],
    KernelPCA: [
        KernelPCA(),
        KernelPCA(n_components=2, kernel="rbf"),
        KernelPCA(n_components=2, kernel="rbf", pre_image="fixed_point"),
        KernelPCA(n_components=2, kernel="rbf", gamma="loo", random_state=0),
        KernelPCA(
            n_components=2, kernel="poly", fit_inverse_transform=True, alpha="loo"
        ),
        KernelPCA(n_components=2, kernel="rbf", n_landmarks=20, random_state=0),
    ],
    KernelDensity: [
        KernelDensity(),
        KernelDensity("silverman"),
        KernelDensity("loo", candidates=8),
        KernelDensity("lscv", candidates=8, adaptive=True),
        KernelDensity("scott", kernel="tophat"),
        KernelDensity(kernel="exponential", whiten=True),
        KernelDensity("loo", kernel="epanechnikov", candidates=8),
        KernelDensity(0.7, kernel="cosine", adaptive=True, n_jobs=1),
        KernelDensity(adaptive="covariance"),
        KernelDensity("loo", adaptive="covariance", whiten=True, n_jobs=1),
        KernelDensity("loo", metric="manhattan", candidates=8),
        KernelDensity(kernel="tophat", metric="chebyshev", leaf_size=5),
    ],
    LatentImputer: [
        LatentImputer(),
        LatentImputer(PPCA(1), add_indicator=True, keep_empty_features=True),
        LatentImputer(GaussianMixture(2, random_state=0), n_draws=2, random_state=0),
        LatentImputer(make_pipeline(StandardScaler(), PPCA(1))),
    ],
    LevinaBickel: [
        LevinaBickel(),
        LevinaBickel(3, 6),
        LevinaBickel(4, 4, metric="manhattan", correction="ball"),
        LevinaBickel(4, 6, correction="shapes"),
    ],
    MDS: [
        MDS(),
        MDS(n_components=1, metric="manhattan", normalized_stress=True, n_jobs=1),
        MDS(metric_mds=False),
        MDS(metric="chebyshev", n_landmarks=12),
    ],
    NeighborScaling: [
        NeighborScaling(),
        NeighborScaling(3),
        NeighborScaling(4, metric="manhattan"),
    ],
    NormalScoreTransformer: [NormalScoreTransformer()],
    OutlierDetector: [
        OutlierDetector(),
        OutlierDetector(GaussianMixture(), contamination=0.2, cv=2, random_state=0),
        OutlierDetector(KernelDensity("scott"), level=0.5, trim=0.0, cv=3),
        OutlierDetector(
            IsolationForest(n_estimators=5, random_state=0),
            contamination=0.1,
            trim=0.0,
            cv=2,
        ),
    ],
    PCASpectrum: [
        PCASpectrum(),
        PCASpectrum("variance_share", n_neighbors=5),
        PCASpectrum(
            "parallel_analysis", n_permutations=5, standardize=True, random_state=0
        ),
        PCASpectrum("minka", n_neighbors=4),
    ],
    PCA: [
        PCA(),
        PCA(n_components=1, whiten=True, svd_solver="full"),
        PCA(n_components=1, svd_solver="randomized", random_state=0),
        PCA(n_components=1, svd_solver="arpack", random_state=0),
    ],
    PPCA: [
        PPCA(),
        PPCA(n_components=1),
        PPCA(n_components=1, method="em", tol=1e-4, random_state=0),
        PPCA(n_components=0),
    ],
    SketchMap: [
        SketchMap(),
        SketchMap(1, sigma=3.0, a_high=6.0, a_low=1.0, n_jobs=1),
        SketchMap(metric="manhattan", n_landmarks=12, b_low=3.0, global_opt_steps=1),
    ],
    ParametricEmbedding: [
        ParametricEmbedding(),
        ParametricEmbedding(**TINY),
        ParametricEmbedding(**TINY, loss="tsne", batch_size=7, noise=0.0),
        ParametricEmbedding(**TINY, loss="infonce", reconstruction_weight=1.0),
        ParametricEmbedding(**TINY, early_stopping=True, standardize=True),
        ParametricEmbedding(**TINY, encoder=Perceptron, n_neighbors=3),
    ],
    StackedDensity: [
        StackedDensity(),
        StackedDensity(
            [("one", GaussianMixture()), ("kernels", KernelDensity("scott"))],
            cv=2,
            random_state=0,
        ),
    ],
    TSNE: [
        TSNE(),
        TSNE(1, perplexity=5, max_iter=60, early_exaggeration_iter=20, n_jobs=1),
        TSNE(4, max_iter=30, init="spectral", affinity="uniform"),
        TSNE(perplexity=[2, 5], max_iter=30, method="exact", metric="manhattan"),
    ],
    TransformedDensity: [
        TransformedDensity(),
        TransformedDensity(StandardScaler(), KernelDensity("scott")),
        TransformedDensity(density=HistogramDensity(3)),
    ],
    TwoNN: [
        TwoNN(),
        TwoNN(method="linear", correction="ball", n_neighbors=5),
        TwoNN(method="bayes", discard_fraction=0.0, n_neighbors=8),
        TwoNN(correction="shapes", n_neighbors=5),
    ],
    UMAP: [
        UMAP(),
        UMAP(5, 1, metric="manhattan", n_epochs=20, init="pca", n_jobs=1),
        UMAP(4, 4, n_epochs=20, init="random", random_state=0, set_op_mix_ratio=0.5),
    ],
    VAETransformer: [
        VAETransformer(),
        VAETransformer(**TINY, n_importance_samples=3),
        VAETransformer(hidden_layer_sizes=(), max_epochs=1, activation="gelu"),
        VAETransformer(**TINY, early_stopping=True, standardize=False),
        VAETransformer(**TINY, n_components=3, beta=0.5, batch_size=7, dtype="float64"),
        VAETransformer(**TINY, marginals="normal_scores"),
        VAETransformer(**TINY, skip_connections=True),
        VAETransformer(**TINY, encoder=Perceptron, decoder=nn.Linear),
        VAETransformer(**TINY, update="alternating", lr_schedule="cosine"),
        VAETransformer(**TINY, likelihood="student_t", noise_variance="decoder"),
        VAETransformer(**TINY, noise_variance="batch", prior="vampprior"),
        VAETransformer(**TINY, noise_variance=0.5, prior="mixture", objective="iwae"),
        VAETransformer(**TINY, noise_variance="feature", warmup_epochs=1),
        VAETransformer(**TINY, latent="bernoulli", warmup_epochs=1),
        VAETransformer(**TINY, latent="categorical", n_levels=3),
        VAETransformer(**TINY, likelihood="auto"),
    ],
}

# Classes that need an argument, so that nobody constructs them with the defaults.
COMPOSED = [
    make_pipeline(StandardScaler(), GaussianMixture()),
    make_pipeline(StandardScaler(), PPCA(1)),
    make_pipeline(NormalScoreTransformer(), KernelDensity("scott")),
]


def cheap(cls):
    """Return an instance that is quick to fit: not the default networks."""
    return INSTANCES[cls]["hidden_layer_sizes" in cls().get_params()]


# For images of four pixels, which scikit-learn's checks, with tables of any width,
# cannot give.
SMALL_IMAGES = {**TINY, "image_shape": (1, 2, 2), "conv_channels": 3}
IMAGE_INSTANCES = [
    AETransformer(**SMALL_IMAGES),
    AETransformer(**SMALL_IMAGES, skip_connections=True),
    ParametricEmbedding(**SMALL_IMAGES),
    VAETransformer(**SMALL_IMAGES, n_importance_samples=3),
]
