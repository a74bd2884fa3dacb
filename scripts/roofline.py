"""How much of the device each phase uses: achieved matrix throughput and memory traffic beside its roofs.

    python scripts/roofline.py [--data demo] [--device cpu|cuda] [--preset paper] [--set key=value] [--json]

The roofs are measured here: the throughput of large square products, in float32 and bfloat16, and the bandwidth of
copying a buffer that no cache holds. Work is counted operation by operation while a step runs: of products and sparse
products their additions and multiplications; of every operation that is no view the bytes of its tensors, as if nothing
stayed in a cache. So a share of the bandwidth above 1 says that caches helped. "bound" is the least time that the roofs
allow for the counted work (the slower of the two), "of the roof" its share of the time that was taken. On a CPU time is
processor time on one thread; on CUDA wall time around a finished step, medians of the repetitions.
"""

from __future__ import annotations

import datetime
import functools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from measuring import options
from upgan.bench.workload import Workload, open_dataset
from upgan.machine import hardware

SIDE = {"cpu": 2048, "cuda": 8192}
COPIED = {"cpu": 256 * 2**20, "cuda": 2 * 2**30}
PRODUCTS = ("mm", "addmm", "addmm_", "bmm", "_addmm_activation")


class Work(TorchDispatchMode):
    """Counts what passes through the dispatcher."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.bytes = self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if func.is_view or func.name().split("::")[-1].startswith(("empty", "sym_", "detach")):
            return found
        tensors = [leaf for leaf in tree_leaves((args, kwargs or {}, found)) if isinstance(leaf, torch.Tensor)]
        self.operations += 1
        self.bytes += sum(size_of(tensor) for tensor in {id(tensor): tensor for tensor in tensors}.values())
        self.flops += flops_of(func.name().split("::")[-1].split(".")[0], args)
        return found


def size_of(tensor: torch.Tensor) -> int:
    """Bytes that hold a tensor's values."""
    if tensor.layout is torch.sparse_csr:
        return sum(size_of(part) for part in (tensor.crow_indices(), tensor.col_indices(), tensor.values()))
    return tensor.numel() * tensor.element_size()


def flops_of(name: str, args: Any) -> int:
    """Additions and multiplications of a (sparse) matrix product; 0 for anything else."""
    if name == "sparse_sampled_addmm":
        return 2 * int(args[0]._nnz()) * int(args[1].shape[1])
    if name.startswith("_embedding_bag"):  # a sparse product: one entry for each index
        return 2 * int(args[1].numel()) * int(args[0].shape[1])
    if name not in PRODUCTS:
        return 0
    left, right = [value for value in args if isinstance(value, torch.Tensor)][-2:]
    if left.layout is torch.sparse_csr:
        return 2 * int(left._nnz()) * int(right.shape[-1])
    return 2 * left.numel() * int(right.shape[-1])


def seconds(work: Callable[[], object], device: torch.device, repeat: int) -> float:
    """The median time of a call, after one that warms up."""
    work()
    times = []
    for _ in range(repeat):
        if device.type == "cuda":
            torch.cuda.synchronize()
            began = time.perf_counter()
            work()
            torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        else:
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return statistics.median(times)


def roofs(device: torch.device, repeat: int) -> dict[str, float]:
    """FLOP/s of large products by precision, and bytes/s of a copy (read and written)."""
    side, found = SIDE[device.type], {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product = functools.partial(torch.mm, left, right, out=torch.empty_like(left))
        found[f"{name}_flops"] = 2 * side**3 / seconds(product, device, repeat)
    source = torch.ones(COPIED[device.type] // 4, device=device)
    target = torch.empty_like(source)
    found["bandwidth"] = 2 * COPIED[device.type] / seconds(lambda: target.copy_(source), device, repeat)
    return found


def phase(name: str, step: Callable[[], object], roof: dict[str, float], work: Workload, repeat: int) -> dict[str, Any]:
    """A step's time and work, and what of the roofs it reached."""
    taken = seconds(step, work.prepared.device, repeat)
    with Work() as counted:
        step()
    narrow = name != "evaluation" and getattr(work.config, name).precision == "bfloat16"
    fastest = roof["bfloat16_flops" if narrow else "float32_flops"]
    bound = max(counted.flops / fastest, counted.bytes / roof["bandwidth"])
    return {
        "phase": name,
        "seconds": taken,
        "operations": counted.operations,
        "gflop": counted.flops / 1e9,
        "gbyte": counted.bytes / 1e9,
        "matrix_share": counted.flops / taken / fastest,
        "bandwidth_share": counted.bytes / taken / roof["bandwidth"],
        "bound_seconds": bound,
        "of_the_roof": bound / taken,
    }


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--data", default="demo")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(given.data, 0)
    work = Workload.of(dataset, given.preset, 1, 0, [*given.assignments, f"device={given.device}"])
    device, test = work.prepared.device, work.test(2000)
    roof = roofs(device, given.repeat)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("initialisation", work.initialisation_step),
        ("pretrain", work.pretrain_step),
        ("adversarial", work.adversarial_step),
        ("evaluation", lambda: test.rank(work.scorer.scores)),
    ]
    lines = [phase(name, step, roof, work, given.repeat) for name, step in steps]
    machine = hardware(device)
    about = {"date": datetime.date.today().isoformat(), "device": device.type, "hardware": machine}
    if given.json:
        print(json.dumps({**about, "data": given.data, "roofs": roof, "phases": lines}, indent=2))
        return
    print(
        f"{about['date']}, {machine.get('gpu', machine['cpu'])}, {given.data}: "
        f"{roof['float32_flops'] / 1e9:,.0f} GFLOP/s in float32, {roof['bfloat16_flops'] / 1e9:,.0f} in bfloat16, "
        f"{roof['bandwidth'] / 1e9:,.1f} GB/s\n"
    )
    print("| phase | seconds | GFLOP | GB | of the matrix throughput | of the bandwidth | of the roof |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for line in lines:
        print(
            f"| {line['phase']} | {line['seconds']:.3g} | {line['gflop']:.3g} | {line['gbyte']:.3g} | "
            f"{line['matrix_share']:.0%} | {line['bandwidth_share']:.0%} | {line['of_the_roof']:.0%} |"
        )


if __name__ == "__main__":
    main()
