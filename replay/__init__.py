"""The bundled network functions, and the replayer that drives captures against them."""
