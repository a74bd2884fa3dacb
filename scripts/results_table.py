"""Print the rows of docs/records/results.md from finished run folders: python scripts/results_table.py RUN [RUN ...]"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HEADER = "| run | phase | MR | MRR | H@1 | H@3 | H@10 | best epoch | s | CPU s/epoch | peak MB |"
PHASES = {
    "initialisation": "initialisation",
    "relaxation": "with half the N3 weight",
    "pretrain": "D after pre-training",
    "pretrain relaxation": "D with half the N3 weight",
    "adversarial": "after adversarial training",
    "fusion": "with evidence",
    "held-out start": "vectors that walks are weighed beside",
    "walks": "with walks",
}


def rows(run: Path) -> list[str]:
    """One row per phase of a run; test metrics in percent but MR."""
    stages: dict[str, dict[str, Any]] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["stages"]
    table = []
    for phase, stage in stages.items():
        test = stage["test"]
        metrics = " | ".join(f"{100 * test[key]:.1f}" for key in ("mrr", "hits@1", "hits@3", "hits@10"))
        per_epoch = stage["cpu_seconds"] / max(stage["epochs"], 1)
        table.append(
            f"| {run.name} | {PHASES.get(phase, phase)} | {test['mr']:.0f} | {metrics} | {stage['best_epoch']} of "
            f"{stage['epochs']} | {stage['seconds']:.0f} | {per_epoch:.1f} | {stage['peak_memory_mb']:.0f} |"
        )
    return table


if __name__ == "__main__":
    print(HEADER)
    print("| --- " * (HEADER.count("|") - 1) + "|")
    for name in sys.argv[1:]:
        print("\n".join(rows(Path(name))))
