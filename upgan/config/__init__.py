"""What a run is told: sections of settings, presets, names of models, the phases of a training (no torch)."""
