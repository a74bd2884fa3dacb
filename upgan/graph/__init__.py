"""Training triples and interactions as tensors: layers, sparse products, queries, co-interaction."""
