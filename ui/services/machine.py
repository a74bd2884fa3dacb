"""What this machine computes with: device, cores, memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """Facts of the machine that runs the app, each as words."""

    #: Every GPU that can be used, or that there is none.
    device: str
    cores: str
    memory: str


def machine_facts() -> Machine:
    """Looked up as `upgan doctor` does."""
    from upgan.doctor import check_memory, check_torch, cpu_cores

    gpus = [finding.value for finding in check_torch() if finding.name == "GPU"]
    memory = check_memory().value
    return Machine(", ".join(gpus), f"{cpu_cores()} cores", f"memory {memory}")
