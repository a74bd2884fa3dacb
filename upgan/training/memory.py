"""Out of memory: what the libraries raise, and what to do about it."""

from __future__ import annotations

import torch

from upgan.config.phases import PlannedPhase
from upgan.errors import TrainingError

#: What PyTorch's allocators say in a plain RuntimeError.
WORDS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "cannot allocate memory")


def out_of_memory(error: BaseException, planned: PlannedPhase | None) -> TrainingError | None:
    """The error with the phase's settings that need less memory, where ``error`` says that there was too little."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not known and not (isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)):
        return None
    batch, pool = (None, None) if planned is None else (planned.key("batch"), planned.key("n_c"))
    smaller = "smaller batches" if batch is None else f"a smaller batch (--set {batch}=...)"
    smaller += "" if pool is None else f" or candidate pool (--set {pool}=...)"
    return TrainingError(
        f"out of memory{'' if planned is None else f' in {planned.name}'}: {smaller} or shorter vectors "
        "(--set model.dim=...) need less, in a new run; with more memory free, `upgan resume` goes on with this one"
    )
