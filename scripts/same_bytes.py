"""Whether a change that should change nothing changed something: fingerprints of what a checkout computes on the demo.

    python scripts/same_bytes.py record CHECKOUT before.json
    python scripts/same_bytes.py record . after.json
    python scripts/same_bytes.py compare before.json after.json

``record`` trains the demo (presets demo and quality, seeds 0 and 1; paper and drawn candidates, short), every compared
system for two epochs, and asks four of the runs: explanations, predictions, metrics, missing triples, contrasts,
smallest sets, mined cases, figures and the paper's two cases. It takes about six minutes on two quiet cores. What
differs from run to run (seconds, memory, paths, dates) is left out. Same machine, same versions: floating point differs
between processors.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

COMPARED = ["transe", "conve", "convtranse", "rgcn", "kbgan", "cofm", "ktup", "kgat", "rotate", "nbfnet", "transh"]


def options(preset: str, *settings: str) -> list[str]:
    """The options of a training: its preset, and settings that it changes."""
    return ["--preset", preset, *(word for setting in settings for word in ("--set", setting))]


#: Name of a run -> the options it is trained with.
TRAININGS: dict[str, list[str]] = {
    **{f"{preset}-{seed}": [*options(preset), "--seed", seed] for preset in ("demo", "quality") for seed in "01"},
    "paper-short": options("paper", "initialisation.epochs=2", "pretrain.epochs=1", "adversarial.epochs=1"),
    "drawn-short": options(
        "quality",
        *("pretrain.candidates=100", "initialisation.candidates=100"),
        *("initialisation.epochs=3", "pretrain.epochs=2", "adversarial.epochs=1"),
    ),
    **{model: ["--model", model, "--set", "epochs=2"] for model in COMPARED},
    **{model: ["--model", model, "--set", "initialisation.epochs=2"] for model in ("distmult", "complex")},
}
ASKED = ("demo-0", "quality-0", "complex", "ktup")
EXPLAINED = ("demo-0", "quality-0")
CASE = ["--head", "Part of the Bargain", "--relation", "author", "--answer", "Linda Lael Miller"]
#: Keys of JSON documents that differ from run to run.
VOLATILE = {"seconds", "cpu_seconds", "seconds_test", "peak_memory_mb", "hardware", "device", "run", "version"}


def stable(document: bytes) -> bytes:
    """A JSON document without what differs from run to run; anything else as it is."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key not in VOLATILE}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    try:
        return json.dumps(strip(json.loads(document)), sort_keys=True).encode()
    except ValueError:
        return document


class Recording:
    """The fingerprints of one checkout, made in a folder of their own."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        self.fingerprints: dict[str, str] = {}

    def upgan(self, *arguments: str) -> bytes:
        """Standard output of one command; SystemExit with its last words where it fails."""
        command = [sys.executable, "-m", "upgan", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr.decode()[-2000:]}")
        return done.stdout

    def keep(self, name: str, content: bytes) -> None:
        self.fingerprints[name] = hashlib.sha256(stable(content)).hexdigest()

    def keep_file(self, name: str, path: str) -> None:
        self.keep(name, (self.folder / path).read_bytes())

    def dataset(self) -> None:
        self.upgan("data", "demo", "--out", "demo")
        for file in sorted((self.folder / "demo").glob("*.parquet")):
            self.keep(f"data/{file.name}", file.read_bytes())
        self.keep("describe", self.upgan("data", "describe", "demo", "--json"))

    def training(self, run: str, options: list[str]) -> None:
        self.upgan("train", "demo", "--run", f"runs/{run}", "--force", *options)
        for name in (
            "model.safetensors",
            "generator.safetensors",
            "squares.safetensors",
            "metrics.json",
            "config.toml",
        ):
            if (self.folder / "runs" / run / name).is_file():
                self.keep_file(f"{run}/{name}", f"runs/{run}/{name}")

    def answers(self, run: str) -> None:
        rows = pq.read_table(self.folder / "demo" / "triples.parquet").to_pylist()
        for number, row in enumerate([row for row in rows if row["split"] == "test"][::7][:10]):
            ends = ("head", "tail") if number % 2 == 0 else ("tail", "head")
            query = [f"--{ends[0]}", row[ends[0]], "--relation", row["relation"]]
            explained = self.upgan("explain", f"runs/{run}", *query, "--answer", row[ends[1]], "--json")
            self.keep(f"{run}/explain/{number}", explained)
            self.keep(f"{run}/predict/{number}", self.upgan("predict", f"runs/{run}", *query, "--json"))
        self.keep(f"{run}/evaluate", self.upgan("evaluate", f"runs/{run}", "--by", "sparsity", "--json"))
        self.upgan("complete", f"runs/{run}", "--top", "50", "--out", f"{run}.csv")
        self.keep_file(f"{run}/complete", f"{run}.csv")

    def explanations(self, run: str) -> None:
        asked = ["explain", f"runs/{run}", *CASE]
        self.keep(f"{run}/contrast", self.upgan(*asked, "--contrast", "Debbie Macomber", "--json"))
        self.keep(f"{run}/smallest set", self.upgan(*asked, "--smallest-set", "--json"))
        self.keep(f"{run}/mine", self.upgan("explain", f"runs/{run}", "--mine", "--json"))
        self.upgan(*asked, "--format", "svg", "--out", f"{run}.svg")
        self.keep_file(f"{run}/svg", f"{run}.svg")
        self.upgan("reproduce", "fig4", "--data", "demo", "--run", f"runs/{run}", "--out", f"fig4-{run}")
        for file in sorted((self.folder / f"fig4-{run}").rglob("*")):
            if file.suffix in (".json", ".csv", ".svg"):
                self.keep(f"{run}/fig4/{file.name}", file.read_bytes())

    def whole(self) -> dict[str, str]:
        self.dataset()
        for run, options in TRAININGS.items():
            print(f"training {run}", file=sys.stderr)
            self.training(run, options)
        for run in ASKED:
            print(f"asking {run}", file=sys.stderr)
            self.answers(run)
        for run in EXPLAINED:
            self.explanations(run)
        return self.fingerprints


def compare(before: dict[str, str], after: dict[str, str]) -> int:
    """Print what differs; the exit code."""
    different = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    print(f"{len(before)} and {len(after)} fingerprints, {len(different)} differ")
    for name in different:
        missing = (
            "" if name in before and name in after else f" (only in {'the first' if name in before else 'the second'})"
        )
        print(f"  {name}{missing}")
    return 1 if different else 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["record", checkout, target]:
            with tempfile.TemporaryDirectory() as folder:
                fingerprints = Recording(Path(checkout).resolve(), Path(folder)).whole()
            Path(target).write_text(json.dumps(fingerprints, indent=1) + "\n", encoding="utf-8")
            return 0
        case ["compare", before, after]:
            return compare(*(json.loads(Path(file).read_text(encoding="utf-8")) for file in (before, after)))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
