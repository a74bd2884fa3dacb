"""One training from a prepared dataset to a finished run folder: the place where all parts meet."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from upgan.config.phases import GAME, PlannedPhase, planned_phases
from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError
from upgan.evaluation.evaluator import Ranking, Scorer
from upgan.evaluation.groups import GROUPINGS, group_metrics
from upgan.evaluation.metrics import Metrics
from upgan.experiment.card import run_card
from upgan.experiment.inputs import Prepared, prepare_training, resolve_device
from upgan.experiment.players import Players, Start
from upgan.files import write_json, write_text
from upgan.machine import hardware
from upgan.model.base import Model
from upgan.model.factorisation import Factorisation
from upgan.model.generator import Generator
from upgan.model.guided import AnyDiscriminator
from upgan.runs.files import GENERATOR_FILE, MODEL_FILE, SQUARES_FILE
from upgan.training.checkpoint import (
    LoadedRun,
    load_run,
    load_squares,
    restore_settings,
    save_tensors,
    save_weights,
    seal_run,
    start_run,
)
from upgan.training.loop import Context, PhaseResult, Reporter, Values
from upgan.training.state import PhaseState, TrainingState

#: Parts of the model that are fitted on validation after the steps.
FITTED_AFTER = ("fusion.", "walks.")

__all__ = ["Prepared", "Start", "Training", "load_start", "prepare_training", "resolve_device", "train"]


@dataclass(kw_only=True)
class Training(Context):
    """A training of one run: the context of its phases, its data and settings, and its folder."""

    prepared: Prepared
    config: Config
    run: Path
    #: The test split's ranks after the last phase.
    ranking: Ranking | None = None

    def to_do(self, planned: PlannedPhase) -> bool:
        """Whether a phase is still to be trained, or to be finished."""
        if planned.name in self.state.stages:
            return False
        self.state.under_way = planned
        return True

    def keep(self, write: Callable[..., Any], *arguments: Any) -> None:
        """Write a file of the run; of several workers the first one does."""
        if self.state.team.leads:
            write(*arguments)

    def report(self, at: PhaseState, epoch: int, values: Values, metrics: Metrics | None) -> None:
        """Beside the epoch, say where the pinned query stands after its evaluation."""
        super().report(at, epoch, values, metrics)
        if self.prepared.pinned is None or metrics is None:
            return
        modules, names = self.state.modules, ("discriminator", "start", "system")
        model = cast(Model, next(modules[name] for name in names if name in modules))
        generator = cast(Generator | None, modules.get("generator"))
        self.reporter.pin(epoch, self.prepared.pinned.look(model, self.prepared.scorer(model), generator))

    def record(self, phase: str, result: PhaseResult, scores: Scorer, *, last: bool) -> None:
        """What a phase reached: validation as selected by, test for the report, time and memory so far."""
        started, cpu_started = time.monotonic(), time.process_time()
        test = self.prepared.test if last else self.prepared.test_between
        self.ranking = test.rank(scores, lambda *_: self.reporter.beat())
        self.state.peak_memory_mb = max(self.state.peak_memory_mb, peak_memory_mb())
        self.state.stages[phase] = {
            "valid": result.best.to_dict(),
            "test": self.ranking.metrics.to_dict(),
            "epochs": result.epochs,
            "best_epoch": result.best_epoch,
            "ended": result.ended,
            "seconds": result.seconds,
            "cpu_seconds": result.cpu_seconds,
            "seconds_test": time.monotonic() - started,
            "cpu_seconds_test": time.process_time() - cpu_started,
            "peak_memory_mb": self.state.peak_memory_mb,
        }

    def seal(self) -> None:
        """Say what the weights belong to, with the settings that were used."""

        def write() -> None:
            if told := restore_settings(self.run, self.config):
                self.reporter.log(told)
            seal_run(self.run, self.prepared.dataset)

        self.keep(write)

    def save(self, players: Players) -> None:
        """Write what has been trained: from the first phase of the model that answers, the run answers with it."""
        if players.final is not None:
            self.keep(save_weights, players.final, self.run / MODEL_FILE)
            self.seal()
        if "generator" in self.state.modules and GAME in self.state.stages:
            self.keep(save_weights, players.generator, self.run / GENERATOR_FILE)
            self.state.release("generator")
            del players.generator


def train(
    prepared: Prepared,
    config: Config,
    run: Path,
    reporter: Reporter | None = None,
    *,
    start_from: Start | None = None,
    state: TrainingState | None = None,
) -> dict[str, Any]:
    """Go through the planned phases, ranking the test split after each; returns what metrics.json holds.

    The test split chooses nothing: it is for the report. With ``start_from`` the initialisation is that run's.
    ``state`` belongs to a run folder that is there already (upgan.runs.launch). Loaded from a checkpoint, it lets
    training take the same way from the top and go on where the checkpoint was taken.
    """
    if start_from is not None and config.model_name != "upgan":
        raise ConfigError("only model upgan goes on from another run")
    if state is None:
        state = TrainingState(prepared.random)
        start_run(run, config, prepared.dataset)
    if start_from is not None:
        state.started_from = start_from.fingerprint
    # Every worker ranks a share, and all read the same ranks: whoever decides by them decides alike.
    for evaluator in (prepared.validation, prepared.test, prepared.test_between):
        evaluator.team = state.team
    training = Training(
        validation=prepared.validation,
        state=state,
        reporter=reporter or Reporter(),
        deadline=_deadline(prepared, config, state),
        prepared=prepared,
        config=config,
        run=run,
    )
    players = Players(prepared, config, state, start_from)
    phases = planned_phases(config, started=state.started_from is not None)
    for planned in phases:
        if training.to_do(planned):
            result, scores = players.train(planned, training)
            training.record(planned.name, result, scores, last=planned is phases[-1])
            training.save(players)
    if config.model_name != "upgan" and players.squares:
        training.keep(save_tensors, players.squares, run / SQUARES_FILE)
        training.seal()
    metrics = _final_metrics(training)
    training.keep(write_json, run / "metrics.json", metrics)
    training.keep(write_text, run / "card.md", run_card(prepared.dataset, config, metrics))
    return metrics


def _deadline(prepared: Prepared, config: Config, state: TrainingState) -> float:
    """When ``max_seconds`` are over, of which preparing and what was trained before took some."""
    if not config.max_seconds:
        return math.inf
    return time.monotonic() - prepared.seconds - state.clock.seconds + config.max_seconds


def load_start(run: Path, dataset: KGDataset, config: Config) -> Start:
    """A run to start from; ConfigError where it does not fit the dataset or the settings.

    A DistMult or ComplEx run of the same data gives its vectors. A run of the model itself gives all that it learned by
    steps, of the same data or of an earlier version of it with the same names: training goes on from there.
    """
    loaded = load_run(run)
    model = loaded.model
    if isinstance(model, AnyDiscriminator):
        _check_continued(run, loaded, dataset, config)
        start = Factorisation(dataset.num_entities, dataset.num_relations, config.model.dim, product=model.product)
        start.load_state_dict({"entity": model.entity, "relation": model.relation})
        # What phases after the steps fit on validation is fitted anew.
        learned = {name: value for name, value in model.state_dict().items() if not name.startswith(FITTED_AFTER)}
        return Start(start, {}, loaded.fingerprint, learned)
    wanted: dict[str, Any] = {"model.product": config.model.product, "model.dim": config.model.dim}
    wanted["graph.triple_share"] = config.graph.triple_share
    if not model.starts_others:
        raise ConfigError(
            f"--start {run}: a {loaded.config.model_name} run; give one of --model upgan, distmult or complex"
        )
    if loaded.dataset.fingerprint != dataset.fingerprint:
        raise ConfigError(f"--start {run}: trained on other data ({loaded.dataset.name}) than {dataset.name}")
    for key, value in wanted.items():
        section, name = key.split(".")
        theirs = getattr(getattr(loaded.config, section), name)
        if theirs != value:
            raise ConfigError(f"--start {run}: its {key} is {theirs!r}, this training's {value!r}")
    if config.graph.triple_share < 1 and loaded.config.seed != config.seed:
        raise ConfigError(f"--start {run}: another seed drew other training triples; train with --seed {config.seed}")
    squares = load_squares(run)
    model.requires_grad_(True)
    return Start(cast(Factorisation, model), squares, loaded.fingerprint)


def _check_continued(run: Path, loaded: LoadedRun, dataset: KGDataset, config: Config) -> None:
    """ConfigError unless the run's weights mean the same here, and it has seen nothing that is held out now."""
    for name in ("entities", "relations", "users"):
        if getattr(loaded.dataset, name) != getattr(dataset, name):
            raise ConfigError(
                f"--start {run}: trained on other {name} than those of {dataset.name}; "
                "a training goes on with a version that has the same ones"
            )
    if loaded.config.model != config.model:
        raise ConfigError(
            f"--start {run}: its settings of the model differ from this training's; give its own (--config "
            f"{run / 'config.toml'})"
        )
    held_out = {tuple(row) for split in ("valid", "test") for row in dataset.triples(split).tolist()}
    seen = sum(tuple(row) in held_out for row in loaded.dataset.train.tolist())
    if seen:
        raise ConfigError(f"--start {run}: it was trained with {seen:,} facts that {dataset.name} holds out")


def _final_metrics(training: Training) -> dict[str, Any]:
    """What metrics.json holds: the last phase's test metrics on top, every phase's below."""
    prepared, state, device = training.prepared, training.state, training.prepared.device
    last = state.stages[list(state.stages)[-1]]
    assert training.ranking is not None  # the last phase is never skipped: it is only recorded when it is over
    parts = training.ranking, prepared.dataset, prepared.graph
    groups = {
        by: {name: metrics.to_dict() for name, metrics in group_metrics(*parts, by).items()}
        for by in GROUPINGS
        if len(training.ranking.ranks)
    }
    return {
        **last["test"],
        "split": "test",
        "valid": last["valid"],
        "stages": state.stages,
        "groups": groups,
        "seconds": state.clock.seconds,
        "peak_memory_mb": max(state.peak_memory_mb, peak_memory_mb()),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
        "seed": training.config.seed,
        "started_from": state.started_from,
    }


def peak_memory_mb() -> float:
    """The process's largest resident set so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
