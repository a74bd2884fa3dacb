"""The model card of a run: what it is, from what, how good, by which protocol, with which limits."""

from __future__ import annotations

from typing import Any

from upgan.config import Config
from upgan.data.dataset import KGDataset


def run_card(dataset: KGDataset, config: Config, metrics: dict[str, Any]) -> str:
    """Markdown for card.md, written from the run's own numbers."""
    simulated = " The readers of this dataset are simulated." if dataset.simulated_users else ""
    rows = [
        f"| {name} | {_percent(stage['test'], 'mrr')} | {_percent(stage['test'], 'hits@1')} "
        f"| {_percent(stage['test'], 'hits@3')} | {_percent(stage['test'], 'hits@10')} | {_mr(stage['test'])} "
        f"| {stage['best_epoch']} of {stage['epochs']} | {stage['seconds']:.1f} |"
        for name, stage in metrics["stages"].items()
    ]
    return "\n".join(
        [
            f"# {config.model_name} on {dataset.name}",
            "",
            f"Preset {config.preset}, seed {config.seed}, K = {config.model.dim}, device {metrics['device']}.",
            "",
            "## Data",
            "",
            f"{dataset.num_entities} entities, {dataset.num_relations} relations, {len(dataset.train)} / "
            f"{len(dataset.valid)} / {len(dataset.test)} training / validation / test triples, {dataset.num_users} "
            f"users with {len(dataset.interactions)} interactions.{simulated}",
            f"Dataset fingerprint {dataset.fingerprint}. The dataset's own licence applies to the copy in this folder.",
            "",
            "## Test metrics after each phase",
            "",
            "Filtered by train, valid and test, both directions pooled, ties at their mean rank; percent but MR.",
            "",
            "| phase | MRR | H@1 | H@3 | H@10 | MR | best epoch | seconds |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"Training took {metrics['seconds']:.1f} s in all, with a peak of {metrics['peak_memory_mb']:.0f} MB.",
            "The epochs were chosen by validation MRR; the test split chose nothing.",
            "",
            "## Limits",
            "",
            "Scores order candidates; they are no probabilities. The weights of users are the model's attention: they",
            "say what entered this score, not what caused the fact.",
            "",
        ]
    )


def _percent(metrics: dict[str, Any], key: str) -> str:
    value = metrics[key]
    return "–" if value is None else f"{100 * value:.1f}"


def _mr(metrics: dict[str, Any]) -> str:
    return "–" if metrics["mr"] is None else f"{metrics['mr']:.1f}"
