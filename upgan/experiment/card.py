"""The model card of a run: what it is, from what, how good, by which protocol, with which limits.

Written from the run's own numbers. The header is that of cards on model hubs; its strings are written as JSON, which is
YAML too, so that no name can break out of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from upgan.config.settings import Config, flat_settings
from upgan.data.dataset import KGDataset
from upgan.render.markdown import code, escaped, table
from upgan.version import __version__

METRICS = ("mrr", "hits@1", "hits@3", "hits@10")
#: Groups of one kind that are listed; the rest is counted.
MOST_GROUPS = 30
#: What a manifest may call the data's licence.
LICENCE_KEYS = ("licence", "license")


def run_card(dataset: KGDataset, config: Config, metrics: dict[str, Any]) -> str:
    """Markdown for card.md."""
    parts = [
        _header(dataset, config, metrics),
        f"# {config.model_name} on {escaped(dataset.name)}\n",
        f"Made by upgan {__version__}: preset {config.preset}, seed {config.seed}, K = {config.model.dim}.\n",
        _data(dataset),
        _protocol(),
        _phases(metrics),
        _groups(metrics.get("groups", {})),
        _settings(config),
        _machine(metrics),
        _limits(dataset, config),
        _citation(),
    ]
    return "\n".join(parts)


def licence_of(dataset: KGDataset) -> str | None:
    """The data's licence as the manifest states it; None where it states none."""
    return next((str(dataset.manifest[key]) for key in LICENCE_KEYS if dataset.manifest.get(key)), None)


def _header(dataset: KGDataset, config: Config, metrics: Mapping[str, Any]) -> str:
    results = [
        line
        for key in (*METRICS, "mr")
        if metrics.get(key) is not None
        for line in (f"          - type: {_quoted(key)}", f"            value: {metrics[key]:.6g}")
    ]
    lines = [
        "---",
        "library_name: upgan",
        f"license: {_quoted(licence_of(dataset) or 'unknown')}",
        "tags: [knowledge-graph-completion, link-prediction, recommendation]",
        "datasets:",
        f"  - {_quoted(dataset.name)}",
        "model-index:",
        f"  - name: {_quoted(f'{config.model_name}-{config.preset}-s{config.seed}')}",
        "    results:",
        "      - task:",
        "          type: link-prediction",
        "        dataset:",
        f"          name: {_quoted(dataset.name)}",
        f"          type: {_quoted(dataset.fingerprint)}",
        "          split: test",
        "        metrics:" if results else "        metrics: []",
        *results,
        "---",
        "",
    ]
    return "\n".join(lines)


def _data(dataset: KGDataset) -> str:
    licence = licence_of(dataset)
    sources = ", ".join(escaped(str(source.get("name", "?"))) for source in dataset.manifest.get("sources", []))
    simulated = "The readers of this dataset are SIMULATED; nothing here says what real readers choose.\n"
    told = escaped(licence) if licence else "unknown, the dataset states none; ask its source before passing this on"
    return "\n".join(
        [
            "## Data",
            "",
            f"{dataset.num_entities} entities, {dataset.num_relations} relations, {len(dataset.train)} / "
            f"{len(dataset.valid)} / {len(dataset.test)} training / validation / test triples, {dataset.num_users} "
            f"users with {len(dataset.interactions)} interactions.",
            simulated if dataset.simulated_users else "",
            f"- sources: {sources or 'not stated'}",
            f"- fingerprint: {dataset.fingerprint}",
            f"- licence of the data, a copy of which is in this folder: {told}",
            "",
        ]
    )


def _protocol() -> str:
    return (
        "## Protocol\n\nEvery test triple is asked both ways, over all entities. Other known answers of train, valid "
        "and test are filtered out, both directions are pooled, ties count at the mean of the best and the worst rank. "
        "Metrics are percent, but MR. Epochs were chosen by validation MRR; the test split chose nothing: it is ranked "
        "once after each phase.\n"
    )


def _phases(metrics: Mapping[str, Any]) -> str:
    rows = [
        [name, *_figures(stage["test"]), f"{stage['best_epoch']} of {stage['epochs']}", f"{stage['seconds']:.1f}"]
        for name, stage in metrics["stages"].items()
    ]
    tests = table(["phase", "MRR", "H@1", "H@3", "H@10", "MR", "best epoch", "seconds"], rows)
    return f"## Test metrics after each phase\n\n{tests}\n"


def _groups(groups: Mapping[str, Mapping[str, Any]]) -> str:
    if not groups:
        return ""
    parts = ["## Test metrics by group", ""]
    meaning = {
        "relation": "both directions of a relation together",
        "sparsity": "fifths of the queries by how many training triples hold the answer, A the rarest",
        "hops": "the answer's distance to the nearest user",
        "side": "which end is asked for",
    }
    for by, found in groups.items():
        shown = list(found.items())
        if by == "relation":  # the other groups have an order of their own
            shown = sorted(shown, key=lambda item: -item[1]["queries"])[:MOST_GROUPS]
        rows = [[escaped(name), str(row["queries"]), *_figures(row)] for name, row in shown]
        parts += [
            f"### By {by} ({meaning[by]})",
            "",
            table(["group", "queries", "MRR", "H@1", "H@3", "H@10", "MR"], rows),
        ]
        if len(found) > len(shown):
            parts.append(f"and {len(found) - len(shown)} groups with fewer queries")
        parts.append("")
    return "\n".join(parts)


def _settings(config: Config) -> str:
    """What differs from the defaults; config.toml has all."""
    defaults = flat_settings(Config().model_copy(update={"model_name": config.model_name}))
    changed = {key: value for key, value in flat_settings(config).items() if value != defaults[key]}
    rows = [[code(key), code(str(value)).replace("|", r"\|")] for key, value in changed.items()]
    return f"## Settings that differ from the defaults\n\n{table(['setting', 'value'], rows)}\n"


def _machine(metrics: Mapping[str, Any]) -> str:
    told = [f"{key} {escaped(str(value))}" for key, value in metrics.get("hardware", {}).items()]
    return "\n".join(
        [
            "## Hardware and time",
            "",
            f"Device {metrics['device']}, {metrics['threads']} threads; {', '.join(told)}.",
            f"Training took {metrics['seconds']:.1f} s in all, with a peak of {metrics['peak_memory_mb']:.0f} MB.",
            "",
        ]
    )


def _limits(dataset: KGDataset, config: Config) -> str:
    limits = [
        "Scores order candidates; they are no probabilities.",
        "The weights of users say what entered a score, not what caused a fact.",
        "It answers for the entities and relations it was trained on, and for no others.",
        "A high rank is a proposal to be checked, not a fact; popular entities are proposed more often.",
    ]
    if config.reads == "co-interactions":
        limits.append("Users are read for the items they chose, not for entities farther away.")
    if dataset.num_users:
        limits.append("The dataset beside the weights holds the users' ids and what they chose.")
    if config.graph.interactions != "real" or config.graph.triple_share < 1 or config.graph.interaction_share < 1:
        limits.append("A control or a reduced regime: not all of the data were used as they are (graph.*).")
    return "\n".join(["## Limits", "", *(f"- {limit}" for limit in limits), ""])


def _citation() -> str:
    return (
        "## How to cite\n\n"
        "He, Li, Zhao, Liu, Wen: Mining Implicit Entity Preference from User-Item Interaction Data for Knowledge Graph "
        "Completion via Adversarial Learning. The Web Conference (WWW) 2020. Name the dataset too, with fingerprint, "
        f"and upgan {__version__}.\n"
    )


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    mr = "–" if metrics["mr"] is None else f"{metrics['mr']:.1f}"
    return [*("–" if metrics[key] is None else f"{100 * metrics[key]:.1f}" for key in METRICS), mr]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
