"""What this machine computes with: cores, memory within a container's limit, GPUs; and as a run's card names it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

if TYPE_CHECKING:
    import torch

#: A container's limit and what it uses of it (control groups, version 2), in bytes; "max" is no limit.
CGROUP = Path("/sys/fs/cgroup")
#: What Linux says of the processor.
CPUINFO = Path("/proc/cpuinfo")
#: In place of the GPUs where there are none.
NO_GPU = "none that torch can use; training and answering run on the CPU"


class Memory(NamedTuple):
    """Main memory in gigabytes; a container's limit counts as the total."""

    total: float
    available: float

    def __str__(self) -> str:
        return f"{self.total:.1f} GB, {self.available:.1f} GB available"


def cores() -> int:
    """The cores this process may use, which a container can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> Memory:
    """Memory of the machine, or of the container this process runs in where that has less."""
    machine = psutil.virtual_memory()
    total, available = machine.total / 1e9, machine.available / 1e9
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        limit, used = (int((CGROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        total, available = min(total, limit / 1e9), min(available, (limit - used) / 1e9)
    return Memory(total, available)


def has_bfloat16(device: str = "auto") -> bool:
    """Whether products of bfloat16 numbers are made by instructions for them; told without loading torch."""
    if device != "cpu" and Path("/dev/nvidia0").exists():
        return True
    try:
        flags = re.search(r"^flags\s*:(.*)$", CPUINFO.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    except OSError:
        return False
    return flags is not None and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags[1].split())


def gpus() -> list[str]:
    """Every GPU that torch can use, with its memory. Raises ImportError or OSError where torch does not load."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [torch.cuda.get_device_properties(index) for index in range(count)]
    return [f"cuda:{index} {gpu.name}, {gpu.total_memory / 1e9:.0f} GB" for index, gpu in enumerate(found)]


def hardware(device: torch.device) -> dict[str, Any]:
    """Processor, cores this process may use, memory, system, versions; the GPU where training ran on one."""
    import torch

    facts = {
        "cpu": _processor(),
        "cores": cores(),
        "memory_gb": round(memory().total, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def _processor() -> str:
    try:
        named = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        named = None
    return named[1].strip() if named else platform.processor() or platform.machine()
