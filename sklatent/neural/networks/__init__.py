"""Encoders and decoders: perceptrons, convolutions, and networks of the user."""
