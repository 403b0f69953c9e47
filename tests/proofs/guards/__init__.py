"""The guards of the product, each with what the code is without it and the proof that tells."""
