"""What a GPU does with all of this, in one command and one dated record.

    python scripts/gpu_record.py [--out docs/records/gpu.md] [--device cuda] [--data synth:book] [--seeds 3] [--share 1]

Four parts, each in a process of its own that is ended when its time is over, the others go on: about 8 minutes in all.

    demo      the demo trained on the CPU and on the device, by seed: the metrics differ by no more than seeds do
    steps     initialisation, pre-training, game and evaluation of preset quality on --data, in float32 and bfloat16,
              against all entities and against drawn ones: what share of matrix throughput and bandwidth is reached
    whole     `upgan train` on --data from start to end: time by phase, test metrics, peak memory of the device
    latency   a question, and an explanation, of a model with random weights on --data

The record says of every part what was asked, what came out, or why nothing did. --share shortens all limits, for a
first try or a test; --device cpu does the same on a CPU.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from measuring import ROOT, options, p95
from roofline import phase, roofs
from upgan.bench.workload import Workload, open_dataset
from upgan.cli.main import run as run_command
from upgan.data.dataset import copy_dataset
from upgan.files import write_text
from upgan.machine import hardware

#: Seconds of each part at most: they sum to 8 minutes.
LIMITS = {"demo": 90.0, "steps": 90.0, "whole": 270.0, "latency": 30.0}
#: Of the whole training, in seconds.
BAR = 300.0
DRAWN = ["initialisation.candidates=2048", "pretrain.candidates=2048"]
NARROW = [f"{section}.precision=bfloat16" for section in ("initialisation", "pretrain", "adversarial")]
FORMS = {"float32": [], "bfloat16": NARROW, "float32, drawn": DRAWN, "bfloat16, drawn": [*DRAWN, *NARROW]}
QUESTIONS = 50

Result = dict[str, Any]


def demo(given: argparse.Namespace, folder: Path) -> Result:
    """Test MRR by seed on both devices, and whether the means differ by more than seeds do."""
    copy_dataset(open_dataset("demo", 0), folder / "demo")
    found: dict[str, list[float]] = {}
    for device in dict.fromkeys(["cpu", given.device]):
        runs = ((seed, folder / f"{device}-{seed}") for seed in range(given.seeds))
        asked = "--preset=demo", *given.set
        found[device] = [trained(folder / "demo", run, device, f"--seed={seed}", *asked)["mrr"] for seed, run in runs]
    ours, theirs = found[given.device], found["cpu"]
    noise = statistics.stdev(theirs) if len(theirs) > 1 else None
    apart = abs(statistics.mean(ours) - statistics.mean(theirs))
    # Two means of n seeds each: so far apart by chance in one of twenty.
    alike = None if noise is None else bool(apart <= 2 * noise * (2 / len(theirs)) ** 0.5)
    return {"mrr": found, "apart": apart, "seed_deviation": noise, "within_seed_noise": alike}


def steps(given: argparse.Namespace, folder: Path) -> Result:
    """A line for each phase and form; ``folder`` is not needed."""
    del folder
    dataset, device = open_dataset(given.data, 0), torch.device(given.device)
    torch.set_num_threads(1)
    roof = roofs(device, 3)
    lines = []
    for form, settings in FORMS.items():
        work = Workload.of(dataset, "quality", 1, 0, [f"device={given.device}", *given.set, *settings])
        test = work.test(2000)
        asked: dict[str, Callable[[], object]] = {
            "initialisation": work.initialisation_step,
            "pretrain": work.pretrain_step,
        }
        if "drawn" not in form:  # the game and the evaluation draw nothing
            asked["adversarial"] = work.adversarial_step
            asked["evaluation"] = lambda test=test, work=work: test.rank(work.scorer.scores)  # type: ignore[misc]
        lines += [{"form": form, **phase(name, step, roof, work, 3)} for name, step in asked.items()]
        del work, test, asked
    return {"roofs": roof, "phases": lines, "peak_device_mb": peak_device_mb(device)}


def whole(given: argparse.Namespace, folder: Path) -> Result:
    """From the data to a finished run."""
    copy_dataset(open_dataset(given.data, 0), folder / "data")
    began = time.perf_counter()
    limit = max(1.0, given.limit - 30.0)  # time enough to judge what was trained until then
    metrics = trained(folder / "data", folder / "run", given.device, f"--set=max_seconds={limit:.0f}", *given.set)
    return {
        "seconds": time.perf_counter() - began,
        "bar": BAR,
        "mrr": metrics["mrr"],
        "hits@10": metrics["hits@10"],
        "phases": {
            name: {"seconds": stage["seconds"], "epochs": stage["epochs"], "ended": stage["ended"]}
            for name, stage in metrics["stages"].items()
        },
        "peak_memory_mb": metrics["peak_memory_mb"],
        "peak_device_mb": peak_device_mb(torch.device(given.device)),
    }


def latency(given: argparse.Namespace, folder: Path) -> Result:
    """Wall seconds of single questions, after one that warms up."""
    work = Workload.of(open_dataset(given.data, 0), "quality", 1, 0, given.set)
    told = {}
    for name in ("question", "explanation"):
        ask = work.questions(folder / name, explain=name == "explanation")
        ask()
        times = []
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            ask()
            times.append(time.perf_counter() - began)
        told[name] = {"median_ms": 1e3 * statistics.median(times), "p95_ms": 1e3 * p95(times)}
    return told


PARTS: dict[str, Callable[[argparse.Namespace, Path], Result]] = {
    "demo": demo,
    "steps": steps,
    "whole": whole,
    "latency": latency,
}


def trained(data: Path, run: Path, device: str, *more: str) -> Result:
    """A training by its command, in this process; its metrics."""
    settings = [part if part.startswith("--") else f"--set={part}" for part in more]
    code = run_command(["train", str(data), "--run", str(run), "--device", device, "--force", *settings])
    if code:
        raise SystemExit(f"upgan train ended with {code}")
    metrics: Result = json.loads((run / "metrics.json").read_text())
    return metrics


def peak_device_mb(device: torch.device) -> float | None:
    """What PyTorch held on the GPU at most."""
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None


def limited(name: str, given: argparse.Namespace, folder: Path) -> Result:
    """A part in a process of its own, or why there is no result of it."""
    limit, result = LIMITS[name] * given.share, folder / f"{name}.json"
    command = [sys.executable, __file__, "--part", name, "--result", str(result), "--limit", str(limit)]
    command += ["--device", given.device, "--data", given.data, "--seeds", str(given.seeds)]
    command += [f"--set={setting}" for setting in given.set]
    began = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=limit, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not through after its {limit:.0f} s", "took": limit}
    took = time.perf_counter() - began
    if done.returncode or not result.is_file():
        return {"failed": (done.stderr.strip().splitlines() or ["no result"])[-1][:300], "took": took}
    return {**json.loads(result.read_text()), "took": took}


def record(given: argparse.Namespace, parts: dict[str, Result], machine: dict[str, Any], day: str) -> str:
    """The record as Markdown."""
    lines = [f"# {machine.get('gpu', machine['cpu'])}, {day}", ""]
    command = f"python scripts/gpu_record.py --device {given.device} --data {given.data} --seeds {given.seeds}"
    command += "".join(f" --set {setting}" for setting in given.set)
    lines += [f"`{command}`; torch {machine.get('torch', torch.__version__)}, limits times {given.share:g}.", ""]
    for name, result in parts.items():
        lines += [f"## {name}", "", f"{result['took']:.0f} s of at most {LIMITS[name] * given.share:.0f} s.", ""]
        lines += [f"**No result: {result['failed']}**"] if "failed" in result else WORDS[name](result)
        lines.append("")
    return "\n".join(lines)


def _demo_words(result: Result) -> list[str]:
    rows = [f"| {device} | {', '.join(f'{mrr:.4f}' for mrr in found)} |" for device, found in result["mrr"].items()]
    alike = {None: "one seed says nothing of noise", True: "within seed noise", False: "MORE THAN SEED NOISE"}
    verdict = f"Means differ by {result['apart']:.4f}: {alike[result['within_seed_noise']]}."
    return ["| device | test MRR by seed |", "| --- | --- |", *rows, "", verdict]


def _steps_words(result: Result) -> list[str]:
    roof = result["roofs"]
    head = "| phase | form | ms | of the matrix throughput | of the bandwidth | of the roof |"
    rows = [
        f"| {line['phase']} | {line['form']} | {1e3 * line['seconds']:.3g} | {line['matrix_share']:.0%} | "
        f"{line['bandwidth_share']:.0%} | {line['of_the_roof']:.0%} |"
        for line in result["phases"]
    ]
    measured = (
        f"Roofs: {roof['float32_flops'] / 1e12:.3g} TFLOP/s in float32, {roof['bfloat16_flops'] / 1e12:.3g} in "
        f"bfloat16, {roof['bandwidth'] / 1e9:.4g} GB/s. Device memory at most {_mb(result['peak_device_mb'])}."
    )
    return [measured, "", head, "| --- | --- | ---: | ---: | ---: | ---: |", *rows]


def _whole_words(result: Result) -> list[str]:
    kept = "kept" if result["seconds"] <= result["bar"] else "MISSED"
    told = f"{result['seconds']:.0f} s in all (bar {result['bar']:.0f} s: {kept}), test MRR {result['mrr']:.4f}, "
    told += f"Hits@10 {result['hits@10']:.4f}, device memory at most {_mb(result['peak_device_mb'])}, main memory "
    told += f"{_mb(result['peak_memory_mb'])}."
    rows = [
        f"| {name} | {stage['epochs']} | {stage['seconds']:.1f} | {stage['ended']} |"
        for name, stage in result["phases"].items()
    ]
    return [told, "", "| phase | epochs | s | ended |", "| --- | ---: | ---: | --- |", *rows]


def _latency_words(result: Result) -> list[str]:
    rows = [
        f"| {name} | {result[name]['median_ms']:.3g} | {result[name]['p95_ms']:.3g} |"
        for name in ("question", "explanation")
    ]
    return ["Answers are computed on the CPU.", "", "| | median ms | p95 ms |", "| --- | ---: | ---: |", *rows]


def _mb(value: float | None) -> str:
    return "(no GPU)" if value is None else f"{value:,.0f} MB"


WORDS: dict[str, Callable[[Result], list[str]]] = {
    "demo": _demo_words,
    "steps": _steps_words,
    "whole": _whole_words,
    "latency": _latency_words,
}


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/records/gpu.md", help="the record; a .json beside it")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--data", default="synth:book")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--set", action="append", default=[], help="a setting of all trainings")
    parser.add_argument("--only", action="append", choices=list(PARTS), default=None)
    for inner in ("--part", "--result", "--limit"):
        parser.add_argument(inner, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU on this machine; --device cpu makes the record of the CPU")
    with tempfile.TemporaryDirectory(prefix="upgan-gpu-") as name:
        folder = Path(name)
        if given.part is not None:
            given.limit = float(given.limit)
            write_text(Path(given.result), json.dumps(PARTS[given.part](given, folder)))
            return
        parts = {}
        for part in given.only or PARTS:
            print(f"{part}: at most {LIMITS[part] * given.share:.0f} s", file=sys.stderr, flush=True)
            parts[part] = limited(part, given, folder)
    machine, day = hardware(torch.device(given.device)), datetime.date.today().isoformat()
    write_text(given.out, record(given, parts, machine, day))
    write_text(given.out.with_suffix(".json"), json.dumps({"date": day, "hardware": machine, **parts}, indent=2) + "\n")
    print(given.out)


if __name__ == "__main__":
    main()
