"""Compared systems on public benchmarks, with the splits that PyKEEN ships, beside published figures.

    python scripts/benchmark_systems.py --out FOLDER                           # Kinships and UMLS, all eight systems
    python scripts/benchmark_systems.py --out FOLDER --data nations --model conve

PyKEEN is only read from: its package holds the triples. Everything is trained and ranked by `upgan train`, one thread,
with the settings below. A run that is there already is not trained again. Prints a Markdown table.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from measuring import options
from upgan.data.dataset import build_dataset, copy_dataset

FACTORISED = ["preset=quality", "initialisation.n3=0.02", "initialisation.batch=128"]
FACTORISED += ["initialisation.epochs=150", "initialisation.eval_every=5"]
TRANSLATED = ["epochs=400", "eval_every=25", "batch=128", "lr=0.003", "model.dim=256"]
#: Small graphs of many facts: smaller steps, more of them, and for the products less regularisation than on catalogues.
SETTINGS: dict[str, list[str]] = {
    "distmult": FACTORISED,
    "complex": FACTORISED,
    "transe": [*TRANSLATED, "norm=l1", "inverses=true"],
    "transh": TRANSLATED,
    "rotate": ["epochs=400", "eval_every=25", "batch=128"],
    "conve": ["epochs=100", "eval_every=10", "batch=128"],
    "convtranse": ["epochs=100", "eval_every=10", "batch=128"],
    "rgcn": ["epochs=100", "eval_every=10", "batch=128", "n3=0.005", "dropout=0.2"],
}
AUTHORS = "https://github.com/TimDettmers/ConvE"
COLLECTED = "https://github.com/irokin/Link-Prediction-Experiment-Results"
#: Each system's best of up to some hundred drawn settings, on the very split (Ali et al., TPAMI 2021).
PYKEEN = "https://github.com/pykeen/benchmarking/blob/master/ablation/summary/top_tables/kinships.tsv"
#: (data, system) -> metric, in percent as printed, and where.
PUBLISHED: dict[tuple[str, str], list[tuple[str, float, str]]] = {
    ("kinships", "conve"): [("MRR", 83.0, AUTHORS), ("Hits@10", 98.3, PYKEEN)],
    ("nations", "conve"): [("MRR", 82.0, AUTHORS)],
    ("umls", "conve"): [("MRR", 94.0, AUTHORS)],
    ("kinships", "complex"): [("MRR", 82.3, COLLECTED), ("Hits@10", 98.3, PYKEEN)],
    ("umls", "complex"): [("MRR", 83.8, COLLECTED)],
    ("kinships", "distmult"): [("MRR", 51.6, COLLECTED), ("Hits@10", 92.5, PYKEEN)],
    ("umls", "distmult"): [("MRR", 87.8, COLLECTED)],
    ("kinships", "transe"): [("Hits@10", 92.0, PYKEEN)],
    ("kinships", "transh"): [("Hits@10", 52.0, PYKEEN)],
    ("kinships", "rotate"): [("Hits@10", 98.5, PYKEEN)],
    ("kinships", "rgcn"): [("Hits@10", 23.9, COLLECTED)],
}


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the datasets and the runs")
    parser.add_argument("--data", action="append", choices=("kinships", "nations", "umls"))
    parser.add_argument("--model", action="append", choices=tuple(SETTINGS))
    given = parser.parse_args()
    print("| data | system | valid MRR | test MRR | Hits@10 | epochs | CPU s | published |")
    print("|---|---|---|---|---|---|---|---|")
    for data in given.data or ["kinships", "umls"]:
        dataset = given.out / data
        if not dataset.is_dir():
            given.out.mkdir(parents=True, exist_ok=True)
            prepare(data, dataset)
        for model in given.model or SETTINGS:
            print(line(data, model, trained(dataset, model, given.out / f"{data}-{model}")), flush=True)


def prepare(data: str, folder: Path) -> None:
    """PyKEEN's text files as a prepared dataset; no filter, its own split."""
    package = importlib.util.find_spec(f"pykeen.datasets.{data}")
    assert package is not None
    assert package.origin is not None
    parts = []
    for split, file in (("train", "train.txt"), ("valid", "valid.txt"), ("test", "test.txt")):
        names = ["head", "relation", "tail"]
        path = Path(package.origin).parent / file
        rows = pd.read_csv(path, sep="\t", names=names, dtype=str, quoting=3, keep_default_na=False)
        parts.append(rows.assign(split=split))
    triples = pd.concat(parts, ignore_index=True)
    copy_dataset(build_dataset(name=data, triples=triples), folder)


def trained(dataset: Path, model: str, run: Path) -> dict[str, float]:
    """The run's metrics, and its last phase's epochs and processor time."""
    if not (run / "metrics.json").is_file():
        settings = list(SETTINGS[model])
        preset = [f"--preset={part.removeprefix('preset=')}" for part in settings if part.startswith("preset=")]
        options = [f"--set={part}" for part in [*settings, "threads=1"] if not part.startswith("preset=")]
        command = [sys.executable, "-m", "upgan", "train", str(dataset), "--model", model, "--run", str(run)]
        options += ["--device", "cpu", "--force", "--overwrite"]
        subprocess.run([*command, *preset, *options], check=True, stdout=subprocess.DEVNULL)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    stages = metrics["stages"].values()
    return {
        "valid": metrics["valid"]["mrr"],
        "mrr": metrics["mrr"],
        "hits@10": metrics["hits@10"],
        "epochs": sum(stage["epochs"] for stage in stages),
        "cpu": sum(stage["cpu_seconds"] for stage in stages),
    }


def line(data: str, model: str, found: dict[str, float]) -> str:
    """One row of the table; what was not found in print says so."""
    known = PUBLISHED.get((data, model), [])
    beside = ", ".join(f"{metric} {value:.1f} ([source]({place}))" for metric, value, place in known) or "–"
    figures = f"{100 * found['valid']:.1f} | "
    figures += f"{100 * found['mrr']:.1f} | {100 * found['hits@10']:.1f} | {found['epochs']:.0f} | {found['cpu']:.0f}"
    return f"| {data} | {model} | {figures} | {beside} |"


if __name__ == "__main__":
    main()
