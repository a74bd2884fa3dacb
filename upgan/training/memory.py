"""Out of memory: what the libraries raise, and what to do about it."""

from __future__ import annotations

import torch

from upgan.errors import TrainingError
from upgan.training.loop import SECTIONS

#: What PyTorch's allocators say in a plain RuntimeError.
WORDS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "cannot allocate memory")


def out_of_memory(error: BaseException, phase: str) -> TrainingError | None:
    """The error with the settings that need less memory, where ``error`` says that there was too little."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not known and not (isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)):
        return None
    section = SECTIONS.get(phase, phase)
    batch = f"a smaller batch (--set {section}.batch=...)" if section in BATCHED else "smaller batches"
    pool = " or candidate pool (--set adversarial.n_c=...)" if section == "adversarial" else ""
    return TrainingError(
        f"out of memory{f' in {phase}' if phase else ''}: {batch}{pool} or shorter vectors (--set model.dim=...) need "
        "less, in a new run; with more memory free, `upgan resume` goes on with this one"
    )


BATCHED = ("initialisation", "pretrain", "adversarial")
