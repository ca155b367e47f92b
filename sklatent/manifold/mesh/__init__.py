"""Forces between all places of an embedding, by a mesh; and descent along them."""
