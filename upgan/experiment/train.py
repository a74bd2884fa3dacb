"""One training from a prepared dataset to a finished run folder: the place where all parts meet."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from upgan.config.phases import planned_phases
from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError
from upgan.evaluation.evaluator import Ranking, Scorer
from upgan.evaluation.groups import GROUPINGS, group_metrics
from upgan.evaluation.metrics import Metrics
from upgan.experiment.card import run_card
from upgan.experiment.inputs import Prepared, prepare_training, resolve_device
from upgan.experiment.pinned import Following
from upgan.files import write_json, write_text
from upgan.graph.observed import seen_data
from upgan.machine import hardware
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import AnyDiscriminator, Model, build_discriminator, build_factorisation
from upgan.model.factorisation import Factorisation
from upgan.model.generator import Generator
from upgan.objectives.batches import BatchSampler, QuerySampler
from upgan.objectives.optimizers import Squares
from upgan.runs.files import GENERATOR_FILE, MODEL_FILE, SQUARES_FILE
from upgan.systems.base import System
from upgan.systems.build import build_system
from upgan.training.adversarial import AdversarialTrainer, train_adversarially
from upgan.training.checkpoint import (
    load_run,
    load_weights,
    save_tensors,
    save_weights,
    seal_run,
    start_run,
)
from upgan.training.fuse import fuse_evidence
from upgan.training.initialise import relaxed, train_factorisation
from upgan.training.loop import PhaseResult, Reporter, Silent
from upgan.training.pretrain import pretrain_discriminator
from upgan.training.state import TrainingState
from upgan.training.systems import run_learning

__all__ = ["Prepared", "Start", "Training", "load_start", "prepare_training", "resolve_device", "train"]


class Start(NamedTuple):
    """The vectors of a finished DistMult or ComplEx run, to go on from instead of training them again."""

    model: Factorisation
    squares: Squares
    fingerprint: str


@dataclass
class Training:
    """What all phases share: data and settings, the state that they change, who is told, and when time is up."""

    prepared: Prepared
    config: Config
    run: Path
    state: TrainingState
    reporter: Reporter
    deadline: float
    #: The test split's ranks after the last phase.
    ranking: Ranking | None = None

    def to_do(self, phase: str) -> bool:
        """Whether a phase is still to be trained, or to be finished."""
        if phase in self.state.stages:
            return False
        self.state.under_way = phase
        return True

    def keep(self, write: Callable[..., Any], *arguments: Any) -> None:
        """Write a file of the run; of several workers the first one does."""
        if self.state.team is None or self.state.team.leads:
            write(*arguments)

    def record(self, phase: str, result: PhaseResult, scores: Scorer) -> None:
        """What a phase reached: validation as selected by, test for the report, time and memory so far."""
        started = time.monotonic()
        self.ranking = self.prepared.test.rank(scores, lambda *_: self.reporter.beat())
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
            "peak_memory_mb": self.state.peak_memory_mb,
        }


def train(
    prepared: Prepared,
    config: Config,
    run: Path,
    reporter: Reporter | None = None,
    *,
    start_from: Start | None = None,
    state: TrainingState | None = None,
) -> dict[str, Any]:
    """Initialise, pre-train, play the adversarial game, evaluate on test; returns what metrics.json holds.

    The test split chooses nothing: it is ranked once after each phase, for the report. With ``start_from`` the
    initialisation is that run's. ``state`` belongs to a run folder that is there already (upgan.runs.launch). Loaded
    from a checkpoint, it lets training take the same way from the top and go on where the checkpoint was taken.
    """
    if start_from is not None and config.model_name != "upgan":
        raise ConfigError("only model upgan goes on from another run")
    dataset = prepared.dataset
    if state is None:
        state = TrainingState(prepared.random)
        start_run(run, config, dataset)
    # Every worker ranks a share, and all read the same ranks: whoever decides by them decides alike.
    prepared.validation.team = prepared.test.team = state.team
    deadline = time.monotonic() - state.clock.seconds + config.max_seconds if config.max_seconds else math.inf
    training = Training(prepared, config, run, state, _told(prepared, state, reporter or Silent()), deadline)

    squares: Squares = {}
    if config.system is not None:
        final: Model = _train_system(training)
        return _finish(training, final)
    if start_from is None:
        start = build_factorisation(config, dataset.num_entities, dataset.num_relations).to(prepared.device)
    else:
        start, squares, state.started_from = start_from.model.to(prepared.device), *start_from[1:]
    state.track("start", start)
    if state.started_from is None:
        squares = _initialise(training, start)
    final = start
    if config.model_name == "upgan":
        final = _train_upgan(training, start, squares)
    elif squares:
        training.keep(save_tensors, squares, run / SQUARES_FILE)
    return _finish(training, final)


def _finish(training: Training, final: Model) -> dict[str, Any]:
    """Save what was trained and say how good it is."""
    run, dataset = training.run, training.prepared.dataset
    training.keep(save_weights, final, run / MODEL_FILE)
    training.keep(seal_run, run, dataset)
    metrics = _final_metrics(training)
    training.keep(write_json, run / "metrics.json", metrics)
    training.keep(write_text, run / "card.md", run_card(dataset, training.config, metrics))
    return metrics


def load_start(run: Path, dataset: KGDataset, config: Config) -> Start:
    """A run to start from; ConfigError where it does not fit the dataset or the settings."""
    loaded = load_run(run)
    wanted: dict[str, Any] = {"model.product": config.model.product, "model.dim": config.model.dim}
    wanted["graph.triple_share"] = config.graph.triple_share
    if not isinstance(loaded.model, Factorisation):
        raise ConfigError(f"--start {run}: a {loaded.config.model_name} run; give one of --model distmult or complex")
    if loaded.dataset.fingerprint != dataset.fingerprint:
        raise ConfigError(f"--start {run}: trained on other data ({loaded.dataset.name}) than {dataset.name}")
    for key, value in wanted.items():
        section, name = key.split(".")
        theirs = getattr(getattr(loaded.config, section), name)
        if theirs != value:
            raise ConfigError(f"--start {run}: its {key} is {theirs!r}, this training's {value!r}")
    if config.graph.triple_share < 1 and loaded.config.seed != config.seed:
        raise ConfigError(f"--start {run}: another seed drew other training triples; train with --seed {config.seed}")
    squares = load_weights(run / SQUARES_FILE) if (run / SQUARES_FILE).is_file() else {}
    loaded.model.requires_grad_(True)
    return Start(loaded.model, squares, loaded.fingerprint)


def _told(prepared: Prepared, state: TrainingState, reporter: Reporter) -> Reporter:
    """The reporter, who also hears of the pinned query where there is one."""
    if prepared.pinned is None:
        return reporter
    return Following(reporter, prepared.pinned, state.modules, prepared.scorer)


def _train_system(training: Training) -> System:
    """The phases of a compared system, one after another; weights are saved after each."""
    prepared, config, state, run = training.prepared, training.config, training.state, training.run
    system = build_system(config, seen_data(prepared.dataset, config)).to(prepared.device)
    state.track("system", system)
    for phase in planned_phases(config):
        if training.to_do(phase):
            learning = system.learning(phase, prepared.train, prepared.random)
            result = run_learning(
                phase, learning, prepared.validation, training.reporter, training.deadline, state=state
            )
            training.record(phase, result, learning.answerer())
            save_weights(system, run / MODEL_FILE)
    return system


def _initialise(training: Training, start: Factorisation) -> Squares:
    """Train the vectors everything starts from; Adagrad's accumulated squares go on with them."""
    prepared, config, state = training.prepared, training.config.initialisation, training.state
    parts = start, prepared.train, prepared.validation
    how = prepared.random, training.reporter, training.deadline
    squares: Squares = {}
    if training.to_do("initialisation"):
        result, squares = train_factorisation(*parts, config, *how, state=state)
        training.record("initialisation", result, start.scores)
    if config.relax_epochs and config.n3 and training.to_do("relaxation"):
        result, squares = train_factorisation(
            *parts, relaxed(config), *how, phase="relaxation", squares=squares, state=state
        )
        training.record("relaxation", result, start.scores)
    return squares


def _train_upgan(training: Training, start: Factorisation, squares: Squares) -> AnyDiscriminator:
    """Pre-training of D, then G and D against each other; weights are saved after each phase."""
    prepared, config, state, run = training.prepared, training.config, training.state, training.run
    data, graph, reporter = prepared.dataset, prepared.graph, training.reporter
    model = build_discriminator(config, data.num_entities, data.num_relations, data.num_users).to(prepared.device)
    model.initialise_from(start)
    state.track("discriminator", model)

    def validate() -> Metrics:
        return prepared.validation.rank(prepared.scorer(model).scores, lambda *_: reporter.beat()).metrics

    settings = config.pretrain
    by_triples = settings.batch_by == "triples"
    sampler = (
        BatchSampler(prepared.triples, prepared.train, settings.batch, prepared.random)
        if by_triples
        else QuerySampler(prepared.train, settings.batch, prepared.random)
    )
    parts = model, graph, sampler, validate
    how = reporter, training.deadline
    if training.to_do("pretrain"):
        result, squares = pretrain_discriminator(*parts, settings, *how, squares=squares, state=state)
        training.record("pretrain", result, prepared.scorer(model).scores)
    if settings.relax_epochs and settings.n3 and training.to_do(phase := "pretrain relaxation"):
        result, _ = pretrain_discriminator(*parts, relaxed(settings), *how, phase=phase, squares=squares, state=state)
        training.record(phase, result, prepared.scorer(model).scores)
    if training.to_do("adversarial"):
        if not state.resumed:
            training.keep(save_weights, model, run / MODEL_FILE)
            training.keep(seal_run, run, data)
        _play(training, start, model, validate)
    state.release("start")
    if isinstance(model, BilinearDiscriminator) and prepared.facts and training.to_do("fusion"):
        fusion = prepared.validation, config.fusion, prepared.random, *how
        result = fuse_evidence(model, graph, prepared.facts, *fusion, state=state)
        training.record("fusion", result, prepared.scorer(model).scores)
    return model


def _play(training: Training, start: Factorisation, model: AnyDiscriminator, validate: Callable[[], Metrics]) -> None:
    """The adversarial phase; the generator is saved and let go."""
    prepared, config, state = training.prepared, training.config, training.state
    data, settings = prepared.dataset, config.adversarial
    sizes = data.num_entities, data.num_relations, config.model.dim
    generator = Generator(*sizes, settings.hidden_layers, settings.sigma, config.model.product).to(prepared.device)
    generator.initialise_from(start)
    state.track("generator", generator)
    state.release("start")
    trainer = AdversarialTrainer(model, generator, prepared.graph, settings, prepared.random)
    sampler = BatchSampler(prepared.triples, prepared.train, settings.batch, prepared.random)
    result = train_adversarially(trainer, sampler, validate, training.reporter, training.deadline, state=state)
    training.keep(save_weights, generator, training.run / GENERATOR_FILE)
    training.record("adversarial", result, prepared.scorer(model).scores)
    state.release("generator")


def _final_metrics(training: Training) -> dict[str, Any]:
    """What metrics.json holds: the last phase's test metrics on top, every phase's below."""
    prepared, state = training.prepared, training.state
    last = state.stages[list(state.stages)[-1]]
    assert training.ranking is not None  # the last phase is never skipped: it is only recorded when it is over
    parts = training.ranking, prepared.dataset, prepared.graph
    groups = {
        by: {name: found.to_dict() for name, found in group_metrics(*parts, by).items()}
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
        "device": _device_name(prepared.device),
        "hardware": hardware(prepared.device),
        "threads": torch.get_num_threads(),
        "seed": training.config.seed,
        "started_from": state.started_from,
    }


def peak_memory_mb() -> float:
    """The process's largest resident set so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
