"""The autoencoder: its spec, its networks, and the loss that trains them."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from sklatent.neural.networks._gradients import vjp
from sklatent.neural.networks._layers import transposed
from sklatent.neural.networks._spec import NetworkSpec, build_networks
from sklatent.neural.training._loss import Loss


@dataclass(frozen=True)
class AutoencoderSpec:
    """How an autoencoder is built, as plain data.

    Parameters
    ----------
    networks : NetworkSpec
        Encoder and decoder.
    n_components : int
        Size of the code.
    tied_weights : bool
        Whether the decoder's weights are the encoder's, transposed.
    """

    networks: NetworkSpec
    n_components: int
    tied_weights: bool

    def __post_init__(self):
        for name in ("image_shape", "encoder", "decoder"):
            given = getattr(self.networks, name)
            if self.tied_weights and given is not None:
                raise ValueError(
                    "tied_weights must be False unless the networks are those of "
                    f"hidden_layer_sizes; got tied_weights=True with {name}={given!r}."
                )

    def build(self, generator):
        """Build the networks, with random weights from a generator."""
        p, q = self.networks.n_features, self.n_components
        encoder, decoder = build_networks(self.networks, p, q, q, p, generator)
        if self.tied_weights:
            decoder = transposed(encoder, self.networks.activation)
        return Autoencoder(encoder, decoder)


class Autoencoder(nn.Module):
    """x -> encoder -> z -> decoder -> x̂."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def check(self, X, names):
        """Raise for a value that cannot be; all that are finite can."""

    def initialize(self, data, generator):
        """Take what training starts from out of the rows: nothing."""

    def summarize(self, data, scale, seed):
        """Fitted attributes that tell of the training rows: none."""
        return {}

    def encode(self, x):
        """Code of each row, (n, q)."""
        return self.encoder(x)

    def decode(self, z):
        """Row of each code, (n, p)."""
        return self.decoder(z)

    def code_layers(self):
        """Modules that, one after the other, make codes of rows."""
        return [self.encoder]

    def forward(self, x):
        """Reconstruction of each row, (n, p)."""
        return self.decoder(self.encoder(x))


class SquaredError(Loss):
    """|x - x̂|², where x̂ is rebuilt from a corrupted x, plus a penalty on the weights.

    The penalty is that of scikit-learn's ElasticNet,
    alpha (l1_ratio Σ|w| + (1 - l1_ratio) / 2 Σ w²), over all weights and no biases.

    Parameters
    ----------
    alpha, l1_ratio : float
        Strength of the penalty, and the share of absolute values in it.
    corruption : float
        Share of the entries that training replaces by their mean, which is 0:
        Vincent et al. (2010), section 3.3, masking noise.
    """

    def __init__(self, alpha=0.0, l1_ratio=0.0, corruption=0.0):
        super().__init__()
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.corruption = corruption

    def forward(self, model, x, generator):
        """Squared error of each row, (n,), each with the whole penalty."""
        if model.training:
            return self.of_codes(model, x, model.encode(self.corrupted(x, generator)))
        return self.of_codes(model, x, model.encode(x))

    def backward(self, model, x, generator):
        """Add to the gradient, which is written out but for the penalty."""
        n = len(x)
        with torch.no_grad():
            seen = self.corrupted(x, generator)
            z, of_encoder = vjp(model.encoder, seen, of_input=False)
            rebuilt, of_decoder = vjp(model.decoder, z)
            residual = rebuilt - x
            of_encoder(of_decoder(residual * (2 / n)))
            loss = torch.dot(residual.flatten(), residual.flatten()) / n
        if not self.alpha:
            return loss
        penalty = self.penalty(model)
        penalty.backward()
        return loss + penalty.detach()

    def corrupted(self, x, generator):
        """Rows of which entries are replaced, which training encodes."""
        if not self.corruption:
            return x
        keep = torch.empty_like(x).bernoulli_(1 - self.corruption, generator=generator)
        return x * keep

    def of_codes(self, model, x, z):
        """What rows cost that are rebuilt from codes which are there already, (n,)."""
        error = (x - model.decode(z)).square().sum(1)
        return error + self.penalty(model) if self.alpha else error

    def penalty(self, model):
        """Elastic-net penalty on all matrices and kernels, a number."""
        w = parameters_to_vector(w for w in model.parameters() if w.ndim > 1)
        l1, l2 = w.abs().sum(), w.dot(w)
        return self.alpha * (self.l1_ratio * l1 + 0.5 * (1 - self.l1_ratio) * l2)
