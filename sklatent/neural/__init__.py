"""Autoencoders and variational autoencoders, trained by PyTorch through skorch.

The only subpackage that imports them: ``pip install "sklatent[neural]"``.
"""

try:
    import skorch  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"sklatent.neural needs PyTorch and skorch, and {error.name!r} is not "
        'installed. Install both with: pip install "sklatent[neural]"'
    ) from error

from sklatent.neural._autoencoder import AETransformer
from sklatent.neural._vae import VAETransformer

__all__ = ["AETransformer", "VAETransformer"]
