"""One run from its settings to its card: inputs, training, estimate, resume, log."""
