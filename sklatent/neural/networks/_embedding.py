"""Networks of an embedding: an encoder and, where it is trained, a decoder."""

from dataclasses import dataclass

from sklatent.neural.networks._autoencoder import Autoencoder
from sklatent.neural.networks._spec import NetworkSpec, build_network, build_networks


@dataclass(frozen=True)
class EmbeddingSpec:
    """How the networks of an embedding are built, as plain data.

    Parameters
    ----------
    networks : NetworkSpec
        Encoder and decoder.
    n_components : int
        Size of a place.
    has_decoder : bool
        Whether there is a decoder.
    """

    networks: NetworkSpec
    n_components: int
    has_decoder: bool

    def build(self, generator):
        """Build the networks, with random weights from a generator."""
        p, q = self.networks.n_features, self.n_components
        if self.has_decoder:
            return Embedder(*build_networks(self.networks, p, q, q, p, generator))
        sizes = (p, *self.networks.hidden_layer_sizes, q)
        encoder = build_network("encoder", self.networks, sizes, generator)
        return Embedder(encoder, None)


class Embedder(Autoencoder):
    """x -> encoder -> z, and z -> decoder -> x̂ where there is a decoder."""

    def forward(self, x):
        """Place of each row, (n, q)."""
        return self.encoder(x)
