"""The parts of sketch-map: sigmoids, the stress, and moves across the map."""
