"""A run that takes up new users, items and interactions with its weights frozen: nothing is trained.

The graph is built anew from all interactions; what a score reads of users (co-interactions, walks) follows from it. An
entity that the run has never seen gets the zero vector: of

    s(h, r, t) = (v_h o v_r + p_h o v'_r) . v_t + (v_h o v''_r) . p_t

only the part of its users is left, (p_h o v'_r) . v_t, so that it is asked about through them alone.
"""

from __future__ import annotations

from pathlib import Path

import torch

from upgan.config.settings import Config, to_toml
from upgan.data.dataset import KGDataset, copy_dataset
from upgan.data.extend import Extension, extend
from upgan.errors import ConfigError, RunError
from upgan.files import folder_written_whole, write_json, write_text
from upgan.model.base import Model
from upgan.runs.files import CONFIG_FILE, MODEL_FILE, STATUS_FILE
from upgan.runs.launch import check_free
from upgan.runs.status import now
from upgan.systems.build import build_model
from upgan.training.checkpoint import LoadedRun, load_run, save_weights, seal_run


def refresh(run: Path, interactions: Path, out: Path, items: Path | None = None) -> Extension:
    """Write a run of its own to ``out``, whole or not at all, that answers with the new interactions.

    Raises ConfigError for a run whose scores do not listen to interactions, or that sees only a part of them;
    RunError where ``out`` is taken; DataError for what is wrong in the files.
    """
    check_free(out)
    loaded = load_run(run)
    _check_listens(run, loaded)
    extended, found = extend(loaded.dataset, interactions, items)
    model = _carried(loaded, extended)
    with folder_written_whole(out) as folder:
        copy_dataset(extended, folder / "dataset")
        write_text(folder / CONFIG_FILE, to_toml(loaded.config))
        save_weights(model, folder / MODEL_FILE)
        seal_run(folder, extended)
        parent = {"run": run.resolve().name, "fingerprint": loaded.fingerprint}
        write_json(folder / STATUS_FILE, _status(loaded.config, extended) | {"parent": parent})
        write_text(folder / "card.md", _card(loaded, extended, found, parent["run"]))
    return found


def _check_listens(run: Path, loaded: LoadedRun) -> None:
    graph = loaded.config.graph
    if loaded.model.users_in not in ("paths", "layers") or not loaded.model.has_users:
        raise ConfigError(
            f"{run}: this {loaded.config.model_name} run does not read interactions when it answers, so new ones "
            "change nothing; train it again, or refresh a run of --model upgan"
        )
    if graph.interactions != "real" or graph.interaction_share < 1:
        raise ConfigError(
            f"{run}: it was trained on permuted interactions or a part of them, so it cannot take up new ones"
        )


@torch.no_grad()
def _carried(loaded: LoadedRun, extended: KGDataset) -> Model:
    """The run's model for the extended dataset: its own weights, zero vectors for what is new."""
    model = build_model(loaded.config, extended)
    old, new = loaded.model.state_dict(), model.state_dict()
    place = torch.tensor([extended.entity_index[name] for name in loaded.dataset.entities])
    for name, value in new.items():
        if value.shape == old[name].shape and name != "entity":
            value.copy_(old[name])
        elif name == "entity":
            value.zero_()
            value[place] = old[name]
        else:
            raise RunError(
                f"{loaded.path}: its {name} has a place for each user or entity, so it cannot take up new ones"
            )
    return model


def _status(config: Config, data: KGDataset) -> dict[str, object]:
    about = {"dataset": data.name, "model": config.model_name, "preset": config.preset, "seed": config.seed}
    return {"state": "finished", "message": "refreshed, not trained", **about, "ended": now()}


def _card(loaded: LoadedRun, data: KGDataset, found: Extension, parent: str) -> str:
    return (
        f"# {data.name}: {loaded.config.model_name}, refreshed\n\n"
        f"The weights of run `{parent}` ({loaded.fingerprint[:12]}), frozen, on a graph with {found.interactions:,} "
        f"new interactions, {found.users:,} new users and {found.items:,} new items. New items are asked about through "
        "their users alone. Nothing was trained or measured again: `upgan evaluate` does that.\n"
    )
