"""The parts of a variational autoencoder."""
