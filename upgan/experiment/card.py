"""The model card of a run: what it is, from what, how good, by which protocol, with which limits.

Written from the run's own numbers into card.md.j2. The header is that of cards on model hubs; its strings are written
as JSON, which is YAML too, so that no name can break out of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from upgan.config.settings import Config, flat_settings
from upgan.data.dataset import KGDataset
from upgan.evaluation.cells import SHARES, metric_cells
from upgan.render.templates import code, escaped, template
from upgan.version import __version__

#: Groups of one kind that are listed; the rest is counted.
MOST_GROUPS = 30
#: What a manifest may call the data's licence.
LICENCE_KEYS = ("licence", "license")
#: What the groups of a breakdown are.
MEANINGS = {
    "relation": "both directions of a relation together",
    "sparsity": "fifths of the queries by how many training triples hold the answer, A the rarest",
    "hops": "the answer's distance to the nearest user",
    "side": "which end is asked for",
}


def run_card(dataset: KGDataset, config: Config, metrics: dict[str, Any]) -> str:
    """Markdown for card.md."""
    return template("upgan.experiment", "card.md.j2").render(
        dataset=dataset,
        config=config,
        metrics=metrics,
        version=__version__,
        licence=licence_of(dataset),
        sources=[str(source.get("name", "?")) for source in dataset.manifest.get("sources", [])],
        results=[key for key in (*SHARES, "mr") if metrics.get(key) is not None],
        phases=[
            [name, *_figures(stage["test"]), f"{stage['best_epoch']} of {stage['epochs']}", f"{stage['seconds']:.1f}"]
            for name, stage in metrics["stages"].items()
        ],
        groups=list(_groups(metrics.get("groups", {}))),
        settings=[[code(key), code(str(value)).replace("|", r"\|")] for key, value in _changed(config).items()],
        hardware=[f"{key} {escaped(str(value))}" for key, value in metrics.get("hardware", {}).items()],
    )


def licence_of(dataset: KGDataset) -> str | None:
    """The data's licence as the manifest states it; None where it states none."""
    return next((str(dataset.manifest[key]) for key in LICENCE_KEYS if dataset.manifest.get(key)), None)


def _groups(breakdowns: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each breakdown with its rows; of relations, which have no order of their own, the most asked first."""
    for by, groups in breakdowns.items():
        listed = list(groups.items())
        if by == "relation":
            listed = sorted(listed, key=lambda item: -item[1]["queries"])[:MOST_GROUPS]
        rows = [[escaped(name), str(metrics["queries"]), *_figures(metrics)] for name, metrics in listed]
        yield {"by": by, "meaning": MEANINGS[by], "rows": rows, "more": len(groups) - len(listed)}


def _changed(config: Config) -> dict[str, Any]:
    """The settings that differ from the defaults; config.toml has all."""
    defaults = flat_settings(Config().model_copy(update={"model_name": config.model_name}))
    return {key: value for key, value in flat_settings(config).items() if value != defaults[key]}


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    return metric_cells(metrics, ".1f")
