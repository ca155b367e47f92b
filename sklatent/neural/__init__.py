"""Autoencoders and embeddings, trained by PyTorch through skorch.

The only subpackage that imports these, which come with the extra ``neural``.
"""

try:
    import skorch  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    from sklatent.utils._extras import install_advice, stand_in

    _said = (
        f"sklatent.neural needs PyTorch and skorch, and {error.name!r} is not "
        f"installed. {install_advice('neural')}"
    )
    AETransformer = stand_in("AETransformer", __name__, _said)
    Likelihood = stand_in("Likelihood", __name__, _said)
    Prior = stand_in("Prior", __name__, _said)
    ParametricEmbedding = stand_in("ParametricEmbedding", __name__, _said)
    VAETransformer = stand_in("VAETransformer", __name__, _said)
else:
    from sklatent.neural._autoencoder import AETransformer
    from sklatent.neural._parametric_embedding import ParametricEmbedding
    from sklatent.neural._vae import VAETransformer
    from sklatent.neural.vae._likelihoods import Likelihood
    from sklatent.neural.vae._normal_codes import Prior

__all__ = [
    "AETransformer",
    "Likelihood",
    "ParametricEmbedding",
    "Prior",
    "VAETransformer",
]
