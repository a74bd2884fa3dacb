"""What the files of a run folder are called, and what they hold."""

from __future__ import annotations

from pathlib import Path

# What a finished run is: settings, data, weights, and the seal that says which weights belong to which data.
CONFIG_FILE = "config.toml"
SEAL_FILE = "run.json"
MODEL_FILE = "model.safetensors"
GENERATOR_FILE = "generator.safetensors"
#: Adagrad's accumulated squares of a DistMult or ComplEx run: with them another training goes on from its vectors.
SQUARES_FILE = "squares.safetensors"
WEIGHT_FILES = (MODEL_FILE, GENERATOR_FILE, SQUARES_FILE)
#: The settings as somebody changed them while they were in use; the run's own stand in config.toml again.
CHANGED_FILE = "config.changed.toml"
MANIFEST_FILE = "dataset/manifest.json"
TABLE_FILES = tuple(f"dataset/{name}.parquet" for name in ("triples", "interactions", "entities", "relations"))
#: Final metrics, and the card that is written from them.
RESULT_FILE = "metrics.json"
CARD_FILE = "card.md"

# What a training writes as it goes: a line for each epoch or evaluation, the pinned query's lines, what it printed.
METRICS_FILE = "metrics.jsonl"
PINNED_FILE = "pinned.jsonl"
LOG_FILE = "log.txt"
TENSORBOARD_FOLDER = "tensorboard"
STATUS_FILE = "status.json"
#: The state that a training goes on from; gone once it is finished.
RESUME_FILE = "resume.safetensors"

#: Asks the training to finish its step, save and end.
STOP_FILE = "stop"
#: Names the run whose vectors this one starts from (`upgan train --start`).
START_FILE = "start.json"

#: A folder with any of these is a run, or was meant to be one.
RUN_FILES = (STATUS_FILE, CONFIG_FILE, SEAL_FILE, MODEL_FILE)
#: What an earlier training left in the folder of a new one.
EARLIER_FILES = (
    *(METRICS_FILE, PINNED_FILE, LOG_FILE, RESUME_FILE, RESULT_FILE, SEAL_FILE, CARD_FILE, CHANGED_FILE),
    *WEIGHT_FILES,
)


def is_run(folder: Path) -> bool:
    """Whether a folder is a run, or was meant to be one."""
    return any((folder / name).is_file() for name in RUN_FILES)
